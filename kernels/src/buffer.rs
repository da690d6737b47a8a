//! Device memory.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use bytemuck::Pod;

use crate::device::Device;
use crate::error::{DeviceError, Result};

/// `len` elements of device memory. Kernels write through shared references: the order between streams is the caller's.
///
/// Dropping a buffer waits until the device has done all it was given, then frees the memory.
pub struct Buffer<T: Pod> {
    device: Device,
    address: u64,
    len: usize,
    elements: PhantomData<fn() -> T>,
}

/// A range of a buffer.
pub struct BufferSlice<'a, T: Pod> {
    buffer: &'a Buffer<T>,
    start: usize,
    len: usize,
}

impl<T: Pod> Buffer<T> {
    pub(crate) fn new(device: Device, address: u64, len: usize) -> Self {
        Self {
            device,
            address,
            len,
            elements: PhantomData,
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn bytes(&self) -> u64 {
        (self.len * size_of::<T>()) as u64
    }

    pub fn device(&self) -> &Device {
        &self.device
    }

    pub fn as_slice(&self) -> BufferSlice<'_, T> {
        BufferSlice {
            buffer: self,
            start: 0,
            len: self.len,
        }
    }

    /// Errors: `Range` if it is not within the buffer.
    pub fn slice(&self, range: Range<usize>) -> Result<BufferSlice<'_, T>> {
        self.as_slice().slice(range)
    }

    /// The content, after all that the device was given: for tests and set-up, not for the path of a proof.
    pub fn download(&self) -> Result<Vec<T>> {
        self.as_slice().download()
    }
}

impl<'a, T: Pod> BufferSlice<'a, T> {
    pub fn len(self) -> usize {
        self.len
    }

    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    pub fn bytes(self) -> usize {
        self.len * size_of::<T>()
    }

    /// Errors: `Range` if it is not within the slice.
    pub fn slice(self, range: Range<usize>) -> Result<Self> {
        if range.start > range.end || range.end > self.len {
            let (start, end, len) = (range.start as u64, range.end as u64, self.len as u64);
            return Err(DeviceError::Range { start, end, len });
        }
        Ok(Self {
            buffer: self.buffer,
            start: self.start + range.start,
            len: range.end - range.start,
        })
    }

    /// As `Buffer::download`.
    pub fn download(self) -> Result<Vec<T>> {
        let device = self.buffer.device();
        let mut values = vec![T::zeroed(); self.len];
        device.synchronize()?;
        // SAFETY: the vector has as many bytes as the slice, and the copy is waited for before it is used.
        unsafe {
            let stream = device.transfers().handle();
            device.driver().copy_out(
                stream,
                values.as_mut_ptr().cast(),
                self.address(),
                self.bytes(),
            )?;
        }
        device.transfers().synchronize()?;
        Ok(values)
    }

    pub(crate) fn address(self) -> u64 {
        self.buffer.address + (self.start * size_of::<T>()) as u64
    }
}

impl<T: Pod> Clone for BufferSlice<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Pod> Copy for BufferSlice<'_, T> {}

impl<'a, T: Pod> From<&'a Buffer<T>> for BufferSlice<'a, T> {
    fn from(buffer: &'a Buffer<T>) -> Self {
        buffer.as_slice()
    }
}

impl<'a, T: Pod> From<&'a mut Buffer<T>> for BufferSlice<'a, T> {
    fn from(buffer: &'a mut Buffer<T>) -> Self {
        buffer.as_slice()
    }
}

impl<T: Pod> Drop for Buffer<T> {
    fn drop(&mut self) {
        // SAFETY: the address and the bytes are those of the allocation, which only this buffer owns.
        unsafe { self.device.driver().free(self.address, self.bytes()) };
    }
}

impl<T: Pod> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer<{}>({})", std::any::type_name::<T>(), self.len)
    }
}
