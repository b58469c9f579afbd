/* probe.h: the same as in the simulated machine. */
#include "../../vmsim/include/md/probe.h"
