/*
 * html.c (vmsim): one interleaving as a page to look at.
 *
 * While the steps of the execution are recorded, this file looks at the TLBs
 * before each of them and is told which pages come and go.  The page has a
 * lane for each CPU, lock, TLB entry and page; it is one file that needs
 * nothing else.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"
#include "vmsim.h"

#define MAXSPAN 65536u

/* Something that lasted: a translation in a TLB, a page of a kind. */
struct span {
	bool sp_page, sp_seen;
	unsigned sp_cpu, sp_asid, sp_kind, sp_rights;
	uint64_t sp_va, sp_pa;
	unsigned sp_from, sp_to; /* steps; to: UINT_MAX while it lasts */
};
static struct span *spans;
static unsigned nspan, now;

static const char *const kinds[] = {"hole", "reserved", "free", "kernel",
    "table", "anon", "object", "loose"};

static struct span *
span_new(void)
{
	if (nspan == MAXSPAN)
		return NULL;
	memset(&spans[nspan], 0, sizeof spans[nspan]);
	spans[nspan].sp_from = now;
	spans[nspan].sp_to = UINT32_MAX;
	return &spans[nspan++];
}

static unsigned looking; /* at this CPU's TLB */

static void
entry(void *arg, unsigned asid, uint64_t va, const struct mmu_tr *tr)
{
	struct span *sp;
	unsigned i;

	(void)arg;
	for (i = nspan; i-- > 0;) {
		sp = &spans[i];
		if (!sp->sp_page && sp->sp_to == UINT32_MAX &&
		    sp->sp_cpu == looking && sp->sp_asid == asid &&
		    sp->sp_va == va && sp->sp_pa == tr->tr_pa &&
		    sp->sp_rights == tr->tr_rights) {
			sp->sp_seen = true;
			return;
		}
	}
	sp = span_new();
	if (sp == NULL)
		return;
	sp->sp_seen = true;
	sp->sp_cpu = looking;
	sp->sp_asid = asid;
	sp->sp_va = va;
	sp->sp_pa = tr->tr_pa;
	sp->sp_rights = tr->tr_rights;
}

static void
look(unsigned n)
{
	unsigned i;

	if (n == 0)
		nspan = 0;
	now = n;
	for (i = 0; i < nspan; i++)
		spans[i].sp_seen = spans[i].sp_page;
	for (looking = 0; looking < sim_ncpu; looking++)
		mmu_entries(looking, entry, NULL);
	for (i = 0; i < nspan; i++)
		if (!spans[i].sp_seen && spans[i].sp_to == UINT32_MAX)
			spans[i].sp_to = n;
}

static void
page(uint64_t pa, unsigned kind, bool came)
{
	struct span *sp;
	unsigned i;

	for (i = nspan; i-- > 0;)
		if (spans[i].sp_page && spans[i].sp_pa == pa &&
		    spans[i].sp_to == UINT32_MAX) {
			spans[i].sp_to = now;
			break;
		}
	sp = span_new();
	if (sp == NULL)
		return;
	sp->sp_page = true;
	sp->sp_pa = pa;
	sp->sp_kind = came ? kind : 2;
	/* What was in use before the first step. */
	if (!came && i == UINT32_MAX) {
		sp->sp_from = 0;
		sp->sp_to = now;
		sp->sp_kind = kind;
	}
}

void
html_begin(struct det_config *dc)
{
	spans = calloc(MAXSPAN, sizeof *spans);
	if (spans == NULL)
		abort();
	dc->dc_trace = true;
	dc->dc_step = look;
	sim_page_hook = page;
}

static void
quote(FILE *f, const char *s)
{
	putc('"', f);
	for (; *s != '\0'; s++)
		if (*s == '"' || *s == '\\' || *s == '<')
			fprintf(f, "\\u%04x", (unsigned char)*s);
		else if ((unsigned char)*s >= ' ')
			putc(*s, f);
	putc('"', f);
}

static void
one_step(void *arg, const struct det_traced *t)
{
	FILE *f = arg;

	fprintf(f, "[%u,%d,", t->dt_cpu, t->dt_irq);
	quote(f, t->dt_who);
	putc(',', f);
	quote(f, t->dt_what);
	putc(',', f);
	quote(f, t->dt_where);
	putc(',', f);
	quote(f, t->dt_object);
	fputs("],\n", f);
}

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<title>vmsim</title><style>\n"
    "body{font:13px sans-serif;margin:12px;color:#222;background:#fff}\n"
    "h1{font-size:17px;margin:0 0 4px}#msg{font:13px monospace}\n"
    ".bad{color:#b00}#bar{margin:8px 0}\n"
    "#box{overflow-x:auto;border:1px solid #ccc}\n"
    "#steps{height:260px;overflow-y:auto;font:12px monospace;\n"
    "border:1px solid #ccc;margin-top:8px;white-space:pre}\n"
    "#steps div{padding:0 4px;cursor:pointer}#steps .on{background:#ffec99}\n"
    "</style></head><body>\n<h1 id=\"title\"></h1><div id=\"msg\"></div>\n"
    "<div id=\"bar\">zoom <input id=\"zoom\" type=\"range\" min=\"0\" "
    "max=\"100\" value=\"0\"> <span id=\"here\"></span><br>click: a step; "
    "left and right: its neighbours; green: a lock is held; blue: a "
    "translation is in a TLB; other colours: what a page is</div>\n"
    "<div id=\"box\"><canvas id=\"c\"></canvas></div>\n"
    "<div id=\"steps\"></div>\n<script>\n";

static const char script_text[] =
    "const L=180,H=16,T=22,C=document.getElementById('c'),\n"
    "B=document.getElementById('box'),P=document.getElementById('steps'),\n"
    "cpus=['#4c78a8','#f58518','#54a24b','#b279a2','#e45756','#72b7b2',\n"
    "'#9d755d','#eeca3b'],kinds={anon:'#e8875b',table:'#8f6bb3',\n"
    "object:'#5ba05b',kernel:'#999',free:'#eee',loose:'#d4b04a',\n"
    "reserved:'#bbb',hole:'#fff'};\n"
    "let px=1,sel=0,lanes=[];\n"
    "function lane(n,s){lanes.push({n:n,s:s})}\n"
    "function build(){\n"
    " for(let k=0;k<D.ncpu;k++){const s=[];let b=-1;\n"
    "  S.forEach((e,i)=>{if(e[0]===k){if(b<0)b=i}else if(b>=0){\n"
    "   s.push([b,i,cpus[k%8],'runs']);b=-1}});\n"
    "  if(b>=0)s.push([b,S.length,cpus[k%8],'runs']);\n"
    "  S.forEach((e,i)=>{if(e[0]===k&&e[1])s.push([i,i+1,'#000',\n"
    "   'interrupt'])});lane('cpu'+k,s)}\n"
    " const held={},locks={};\n"
    " S.forEach((e,i)=>{const f=e[4].split('+')[0],o=e[5];if(!o)return;\n"
    "  const a=/acq|seq/.test(e[3])&&/^(swap|update)/.test(e[3])&&\n"
    "   /(enter|lock|try)/.test(f)&&!/unlock|exit/.test(f);\n"
    "  const r=/^(store|update|swap)/.test(e[3])&&/rel|seq/.test(e[3])&&\n"
    "   /(exit|unlock)/.test(f);\n"
    "  if(a&&!(o in held))held[o]=[i,e[0]];\n"
    "  else if(r&&o in held){(locks[o]=locks[o]||[]).push([held[o][0],i+1,\n"
    "   '#2a9d4a','held by cpu'+held[o][1]]);delete held[o]}});\n"
    " for(const o in held)(locks[o]=locks[o]||[]).push([held[o][0],\n"
    "  S.length,'#2a9d4a','held by cpu'+held[o][1]]);\n"
    " Object.keys(locks).sort((a,b)=>locks[b].length-locks[a].length)\n"
    "  .slice(0,24).forEach(o=>lane(o,locks[o]));\n"
    " const t={};TL.forEach(e=>{const n='tlb'+e[0]+' '+e[1]+':'+e[2];\n"
    "  (t[n]=t[n]||[]).push([e[5],e[6],'#3b82c4','page '+e[3]+' '+e[4]])});\n"
    " Object.keys(t).sort().slice(0,40).forEach(n=>lane(n,t[n]));\n"
    " const g={};PG.forEach(e=>{const n='page '+e[0];\n"
    "  (g[n]=g[n]||[]).push([e[2],e[3],kinds[e[1]]||'#ccc',e[1]])});\n"
    " Object.keys(g).sort().slice(0,60).forEach(n=>lane(n,g[n]))}\n"
    "function draw(){const w=Math.min(30000,L+S.length*px+20),\n"
    " h=T+lanes.length*(H+3)+6,r=window.devicePixelRatio||1;\n"
    " C.width=w*r;C.height=h*r;C.style.width=w+'px';C.style.height=h+'px';\n"
    " const g=C.getContext('2d');g.scale(r,r);g.fillStyle='#fff';\n"
    " g.fillRect(0,0,w,h);g.font='11px sans-serif';g.fillStyle='#666';\n"
    " const k=Math.pow(10,Math.ceil(Math.log10(60/px)));\n"
    " for(let i=0;i<S.length;i+=k){g.fillRect(L+i*px,T-6,1,h);\n"
    "  g.fillText(i,L+i*px+2,T-8)}\n"
    " lanes.forEach((l,j)=>{const y=T+j*(H+3);g.fillStyle=j%2?'#fafafa':\n"
    "  '#f3f3f3';g.fillRect(L,y,w,H);l.s.forEach(e=>{g.fillStyle=e[2];\n"
    "  g.fillRect(L+e[0]*px,y,Math.max(1,(Math.min(e[1],S.length)-e[0])\n"
    "  *px),H)});g.fillStyle='#fff';g.fillRect(0,y,L,H);\n"
    "  g.fillStyle='#222';g.fillText(l.n.slice(0,30),4,y+12)});\n"
    " g.fillStyle='#d00';g.fillRect(L+sel*px,0,Math.max(1,px),h)}\n"
    "function list(){const a=Math.max(0,sel-40),b=Math.min(S.length,sel+40);\n"
    " P.innerHTML='';for(let i=a;i<b;i++){const e=S[i],d=document\n"
    "  .createElement('div');d.textContent=String(i).padStart(6)+'  '+\n"
    "  '    '.repeat(e[0])+'cpu'+e[0]+' '+e[2].padEnd(10)+' '+e[3]+'   '+\n"
    "  e[4];d.style.color=cpus[e[0]%8];if(i===sel)d.className='on';\n"
    "  d.onclick=()=>go(i);P.appendChild(d);if(i===sel)d.id='now'}\n"
    " const n=document.getElementById('now');\n"
    " if(n)P.scrollTop=n.offsetTop-P.offsetTop-120}\n"
    "function go(i){sel=Math.max(0,Math.min(S.length-1,i));draw();list();\n"
    " const x=L+sel*px;if(x<B.scrollLeft+L||x>B.scrollLeft+B.clientWidth)\n"
    "  B.scrollLeft=x-B.clientWidth/2;\n"
    " document.getElementById('here').textContent='step '+sel+' of '+\n"
    "  S.length+': '+(S[sel]||['','','',''])[3]}\n"
    "function zoom(){const f=Math.max(0.02,(B.clientWidth-L-30)/S.length);\n"
    " px=f*Math.pow(Math.max(1,12/f),document.getElementById('zoom').value\n"
    "  /100);draw();go(sel)}\n"
    "document.getElementById('title').textContent=D.title;\n"
    "const M=document.getElementById('msg');M.textContent=D.msg;\n"
    "if(D.failed)M.className='bad';\n"
    "C.onclick=e=>go(Math.floor((e.offsetX-L)/px));\n"
    "C.onmousemove=e=>{const j=Math.floor((e.offsetY-T)/(H+3)),\n"
    " i=(e.offsetX-L)/px,l=lanes[j],s=l&&l.s.find(s=>i>=s[0]&&i<s[1]);\n"
    " C.title=l?l.n+(s?': '+s[3]:''):''};\n"
    "document.onkeydown=e=>{if(e.key==='ArrowRight')go(sel+1);\n"
    " else if(e.key==='ArrowLeft')go(sel-1);else return;\n"
    " e.preventDefault()};\n"
    "document.getElementById('zoom').oninput=zoom;\n"
    "build();zoom();go(D.failed?S.length-1:0);\n"
    "document.body.dataset.ready=lanes.length;\n"
    "</script></body></html>\n";

/* Spans of one sort. */
static void
write_spans(FILE *f, bool pages)
{
	const struct span *sp;
	unsigned i;

	for (i = 0; i < nspan; i++) {
		sp = &spans[i];
		if (sp->sp_page != pages)
			continue;
		if (pages)
			fprintf(f, "[\"%#llx\",\"%s\",%u,%u],\n",
			    (unsigned long long)sp->sp_pa,
			    sp->sp_kind < 8 ? kinds[sp->sp_kind] : "?",
			    sp->sp_from,
			    sp->sp_to == UINT32_MAX ? now + 1 : sp->sp_to);
		else
			fprintf(f,
			    "[%u,%u,\"%#llx\",\"%#llx\",\"%s%s%s\",%u,"
			    "%u],\n",
			    sp->sp_cpu, sp->sp_asid,
			    (unsigned long long)sp->sp_va,
			    (unsigned long long)sp->sp_pa,
			    (sp->sp_rights & MMU_READ) != 0 ? "r" : "-",
			    (sp->sp_rights & MMU_WRITE) != 0 ? "w" : "-",
			    (sp->sp_rights & MMU_EXEC) != 0 ? "x" : "-",
			    sp->sp_from,
			    sp->sp_to == UINT32_MAX ? now + 1 : sp->sp_to);
	}
}

void
html_write(const char *file, const struct det_result *r)
{
	FILE *f = out_open(file);

	fputs(head, f);
	fprintf(f, "const D={ncpu:%u,failed:%s,title:", sim_ncpu,
	    r->dr_failed ? "true" : "false");
	quote(f, script.sc_name);
	fputs(",msg:", f);
	quote(f, r->dr_failed ? r->dr_msg : "no failure");
	fputs("};\nconst S=[\n", f);
	det_trace_each(one_step, f);
	fputs("];\nconst TL=[\n", f);
	write_spans(f, false);
	fputs("];\nconst PG=[\n", f);
	write_spans(f, true);
	fputs("];\n", f);
	fputs(script_text, f);
	out_close(f, file);
}
