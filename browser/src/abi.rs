//! The module's interface, and the only unsafe code: JavaScript asks for room, fills it, calls, and reads the answer.
//!
//! | function | |
//! | --- | --- |
//! | `allocate(bytes) -> pointer` | room for an input; 0 if it is longer than [`MAX_INPUT_BYTES`] |
//! | `call(operation, client, pointer, bytes) -> status` | takes the room back; 0: an answer, 1: a refusal as `{"code", "message"}` |
//! | `answer_pointer() -> pointer`, `answer_bytes() -> bytes` | what the last call said, valid until the next one |

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;

use dlmalloc::GlobalDlmalloc;

use crate::{Operation, Session};

/// Longest input; the longest receipt, as text, with its frame.
const MAX_INPUT_BYTES: usize = 1 << 17;

#[global_allocator]
static ALLOCATOR: GlobalDlmalloc = GlobalDlmalloc;

/// Nothing is known to get here, whatever the input. If something does, JavaScript sees a `WebAssembly.RuntimeError`; the
/// text of the panic would cost more bytes than it is worth.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}

/// The clients, and the last answer.
struct Instance {
    session: Session,
    answer: Vec<u8>,
}

struct OneThread<T>(T);

// SAFETY: a module without shared memory has one thread.
unsafe impl<T> Sync for OneThread<T> {}

static INSTANCE: OneThread<RefCell<Instance>> = OneThread(RefCell::new(Instance {
    session: Session::new(),
    answer: Vec::new(),
}));

#[unsafe(no_mangle)]
pub extern "C" fn allocate(bytes: usize) -> *mut u8 {
    if bytes > MAX_INPUT_BYTES {
        return core::ptr::null_mut();
    }
    Box::leak(vec![0; bytes].into_boxed_slice()).as_mut_ptr()
}

/// # Safety
/// `pointer` is what `allocate(bytes)` returned and was not given to a call before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn call(operation: u32, client: u32, pointer: *mut u8, bytes: usize) -> u32 {
    let room = core::ptr::slice_from_raw_parts_mut(pointer, bytes);
    // SAFETY: by this function's contract the room is a box of that many bytes which nobody else holds.
    let input = unsafe { Box::from_raw(room) };
    INSTANCE.0.borrow_mut().call(operation, client, &input)
}

#[unsafe(no_mangle)]
pub extern "C" fn answer_pointer() -> *const u8 {
    INSTANCE.0.borrow().answer.as_ptr()
}

#[unsafe(no_mangle)]
pub extern "C" fn answer_bytes() -> usize {
    INSTANCE.0.borrow().answer.len()
}

impl Instance {
    fn call(&mut self, operation: u32, client: u32, input: &[u8]) -> u32 {
        let operation = Operation::from_number(operation);
        let answer = operation.and_then(|operation| self.session.call(operation, client, input));
        let refused = answer.is_err();
        self.answer = answer.unwrap_or_else(|refusal| refusal.to_json().into_bytes());
        u32::from(refused)
    }
}
