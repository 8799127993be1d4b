//! Holds a pod's namespaces open and does nothing else. Compiled by itself, with the standard
//! library only, into the image `pause`.

use std::process::exit;
use std::thread::park;

const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;
const SIGCHLD: i32 = 17;
const SIG_IGN: usize = 1;

unsafe extern "C" {
    fn signal(number: i32, handler: usize) -> usize;
    fn _exit(code: i32) -> !;
}

extern "C" fn end(_number: i32) {
    // SAFETY: `_exit` may be called in a signal handler and takes any code.
    unsafe { _exit(0) }
}

fn main() {
    // SAFETY: the handlers are `SIG_IGN` and a function of the type which `signal` asks for, and it
    // calls nothing that is forbidden in a signal handler. With SIGCHLD ignored the kernel reaps what
    // other containers of the pod leave to this process, when they share its pid namespace.
    let set = unsafe {
        [
            (SIGTERM, end as *const () as usize),
            (SIGINT, end as *const () as usize),
            (SIGCHLD, SIG_IGN),
        ]
        .map(|(number, handler)| signal(number, handler))
    };
    if set.contains(&usize::MAX) {
        exit(1);
    }
    loop {
        park();
    }
}
