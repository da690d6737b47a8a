//! Page-locked host memory: what the card can copy from and to while both sides work.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use bytemuck::Pod;

use crate::driver::Driver;
use crate::error::{DeviceError, Result};
use crate::stream::Event;

/// `len` elements of page-locked host memory. It remembers the copies that use it: looking at the elements waits for them, and
/// so does dropping.
pub struct Pinned<T: Pod> {
    driver: Arc<dyn Driver>,
    address: *mut u8,
    len: usize,
    pending: Vec<Event>,
    elements: PhantomData<T>,
}

// SAFETY: the memory belongs to this value alone, and the driver may be called from any thread.
unsafe impl<T: Pod + Send> Send for Pinned<T> {}
// SAFETY: a shared reference only reads.
unsafe impl<T: Pod + Sync> Sync for Pinned<T> {}

impl<T: Pod> Pinned<T> {
    pub(crate) fn new(driver: Arc<dyn Driver>, len: usize) -> Result<Self> {
        const { assert!(align_of::<T>() <= 64) };
        let bytes = len
            .checked_mul(size_of::<T>())
            .filter(|bytes| *bytes <= isize::MAX as usize);
        let bytes = bytes.ok_or(DeviceError::OutOfHostMemory {
            wanted_bytes: u64::MAX,
        })?;
        let address = driver.allocate_host(bytes)?;
        Ok(Self {
            driver,
            address,
            len,
            pending: Vec::new(),
            elements: PhantomData,
        })
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The elements, once the copies that use them are done.
    pub fn as_slice(&self) -> Result<&[T]> {
        self.wait()?;
        // SAFETY: `len` initialised elements (zeroed at first), aligned, and no copy writes them any more.
        Ok(unsafe { std::slice::from_raw_parts(self.address.cast(), self.len) })
    }

    /// The elements to write, once the copies that use them are done.
    pub fn as_mut_slice(&mut self) -> Result<&mut [T]> {
        self.wait()?;
        self.pending.clear();
        // SAFETY: as in `as_slice`; the reference is unique.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.address.cast(), self.len) })
    }

    pub(crate) fn address(&self) -> *mut u8 {
        self.address
    }

    pub(crate) fn bytes(&self) -> usize {
        self.len * size_of::<T>()
    }

    /// A copy that ends with this event uses the memory.
    pub(crate) fn used_until(&mut self, event: Event) {
        self.pending
            .retain(|event| !matches!(event.is_reached(), Ok(true)));
        self.pending.push(event);
    }

    fn wait(&self) -> Result<()> {
        self.pending.iter().try_for_each(Event::synchronize)
    }
}

impl<T: Pod> Drop for Pinned<T> {
    fn drop(&mut self) {
        // A device that fails here has lost its context, and with it every copy.
        let _ = self.wait();
        // SAFETY: only this value owns the allocation, and no copy uses it any more.
        unsafe { self.driver.free_host(self.address, self.bytes()) };
    }
}

impl<T: Pod> fmt::Debug for Pinned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pinned<{}>({})", std::any::type_name::<T>(), self.len)
    }
}
