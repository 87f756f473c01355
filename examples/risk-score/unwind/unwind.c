/* The standard library names these for unwinding and backtraces. The program aborts instead, and
   an enclave has nobody to show a backtrace to: each answers that there is nothing. */
#define NOTHING(name) unsigned long _Unwind_##name(void) { return 0; }

NOTHING(Backtrace)
NOTHING(FindEnclosingFunction)
NOTHING(GetCFA)
NOTHING(GetDataRelBase)
NOTHING(GetIP)
NOTHING(GetIPInfo)
NOTHING(GetLanguageSpecificData)
NOTHING(GetRegionStart)
NOTHING(GetTextRelBase)
NOTHING(SetGR)
NOTHING(SetIP)
