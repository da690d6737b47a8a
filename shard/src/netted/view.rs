//! The accounts of a shard at the end of an epoch, as those see them who prove what the next one did.

use super::accounts::Accounts;
use super::layout::Account;
use super::trie::Trie;
use ark_bn254::Fr;
use trifold_circuits::netted::assembly;

/// Accounts and the digests above them. A clone costs a pointer per tablet.
#[derive(Clone, Debug)]
pub struct View {
    pub accounts: Accounts,
    pub trie: Trie,
}

impl assembly::Accounts for View {
    fn account(&self, index: u32) -> Account {
        self.accounts.leaf(index)
    }

    fn node(&self, level: u8, position: u64) -> Fr {
        self.trie.node(level, position as usize)
    }
}
