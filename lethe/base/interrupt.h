// Ctrl-C (SIGINT) and SIGTERM as a flag that long work looks at between steps. A second Ctrl-C, 0.3 s or more after the
// first signal, ends the program at once. Nothing else does that came twice: timeout(1) and service managers signal a
// process, and again its group. The
// handler has a stack of its own: kernels of oneDNN use the stack pointer for other memory, which a signal's frame
// would overwrite. A program that embeds the library and handles signals in the thread that computes needs the same.
#pragma once

namespace lethe {

void catch_interrupts();  // install the handlers; called by main() once
bool interrupted();       // true since the first signal
void raise_interrupt();   // what the handler does, for tests
void clear_interrupt();   // for tests

}  // namespace lethe
