//! Which keys lie in device memory: as many as the budget holds, and the least recently used leaves first.
//!
//! Knows nothing of devices: a resident is a value with a size. One that somebody still holds is in use and stays.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::key::KeyDigest;

/// The residents of one device.
pub struct Residency<R> {
    budget_bytes: u64,
    /// From the least to the most recently used.
    residents: Mutex<Vec<Resident<R>>>,
}

struct Resident<R> {
    digest: KeyDigest,
    bytes: u64,
    value: Arc<R>,
}

impl<R> Residency<R> {
    pub fn new(budget_bytes: u64) -> Self {
        Self {
            budget_bytes,
            residents: Mutex::default(),
        }
    }

    pub fn budget_bytes(&self) -> u64 {
        self.budget_bytes
    }

    /// What the budget leaves beside the present residents.
    pub fn free_bytes(&self) -> u64 {
        let used: u64 = self.lock().iter().map(|resident| resident.bytes).sum();
        self.budget_bytes.saturating_sub(used)
    }

    /// A resident, which is now the most recently used; it stays as long as the result is held.
    pub fn get(&self, digest: &KeyDigest) -> Option<Arc<R>> {
        let mut residents = self.lock();
        let place = residents.iter().position(|found| found.digest == *digest)?;
        let resident = residents.remove(place);
        let value = resident.value.clone();
        residents.push(resident);
        Some(value)
    }

    /// Adds a resident, most recently used.
    pub fn insert(&self, digest: KeyDigest, bytes: u64, value: Arc<R>) {
        let mut residents = self.lock();
        residents.retain(|found| found.digest != digest);
        residents.push(Resident {
            digest,
            bytes,
            value,
        });
    }

    /// Lets the least recently used resident go that nobody uses. False when all are in use.
    pub fn evict(&self) -> bool {
        let mut residents = self.lock();
        let unused = |resident: &Resident<R>| Arc::strong_count(&resident.value) == 1;
        let evicted = residents.iter().position(unused);
        let evicted = evicted.map(|place| residents.remove(place));
        drop(residents); // freeing device memory takes time, and no lock
        evicted.is_some()
    }

    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Whether somebody uses a resident, so that waiting may help where evicting does not.
    pub fn is_in_use(&self) -> bool {
        let residents = self.lock();
        let mut residents = residents.iter();
        residents.any(|resident| Arc::strong_count(&resident.value) > 1)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Resident<R>>> {
        self.residents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(budget: u64, keys: &[u8]) -> Residency<u8> {
        let residency = Residency::new(budget);
        for &key in keys {
            residency.insert([key; 32], 10, Arc::new(key));
        }
        residency
    }

    fn present(residency: &Residency<u8>) -> Vec<u8> {
        residency.lock().iter().map(|found| *found.value).collect()
    }

    #[test]
    fn the_least_recently_used_leaves_first() {
        let residency = filled(100, &[1, 2, 3]);
        assert_eq!(*residency.get(&[1; 32]).unwrap(), 1);
        assert!(residency.evict());
        assert_eq!(present(&residency), [3, 1]);
        assert!(residency.evict());
        assert_eq!(present(&residency), [1]);
        assert!(residency.get(&[2; 32]).is_none());
    }

    #[test]
    fn what_is_in_use_never_leaves() {
        let residency = filled(100, &[1, 2]);
        let held = [residency.get(&[1; 32]), residency.get(&[2; 32])];
        assert!(!residency.evict() && residency.is_in_use());
        assert_eq!(present(&residency), [1, 2]);
        drop(held);
        assert!(!residency.is_in_use());
        assert!(residency.evict() && residency.evict() && !residency.evict());
    }

    #[test]
    fn free_bytes_are_what_the_budget_leaves() {
        let residency = filled(35, &[1, 2]);
        assert_eq!((residency.budget_bytes(), residency.free_bytes()), (35, 15));
        residency.insert([2; 32], 30, Arc::new(2));
        assert_eq!(residency.free_bytes(), 0);
        residency.evict();
        assert_eq!(residency.free_bytes(), 5);
    }
}
