//! Sums of words modulo q as Yul, reduced no earlier than they have to be.

use super::code::SUMMANDS;

/// One summand.
pub enum Term {
    /// Below q.
    Reduced(String),
    /// Any word.
    Unreduced(String),
}

/// Yul for the sum of the terms modulo q, as a word that is at most `limit` times q. The deepest term is evaluated first.
pub fn sum(terms: Vec<Term>, limit: usize) -> String {
    let (mut reduced, mut unreduced) = (Vec::new(), Vec::new());
    for term in terms {
        match term {
            Term::Reduced(text) => reduced.push(text),
            Term::Unreduced(text) => unreduced.push(text),
        }
    }
    let mut reduced = reduced.into_iter();
    let (mut total, mut count) = (reduced.next().unwrap_or("0".into()), 1);
    for term in reduced {
        if count == SUMMANDS
            && let Some(word) = unreduced.pop()
        {
            (total, count) = (format!("addmod({word}, {total}, q)"), 1);
        }
        (total, count) = match count {
            SUMMANDS => (format!("addmod({term}, {total}, q)"), 1),
            _ => (format!("add({term}, {total})"), count + 1),
        };
    }
    for word in unreduced {
        (total, count) = (format!("addmod({word}, {total}, q)"), 1);
    }
    match count > limit {
        true => format!("mod({total}, q)"),
        false => total,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(reduced: usize, unreduced: usize, limit: usize) -> String {
        let terms = (0..reduced).map(|i| Term::Reduced(format!("r{i}")));
        let words = (0..unreduced).map(|i| Term::Unreduced(format!("w{i}")));
        sum(terms.chain(words).collect(), limit)
    }

    #[test]
    fn reduces_only_what_would_overflow() {
        assert_eq!(of(2, 0, 5), "add(r1, r0)");
        assert_eq!(of(5, 0, 5), "add(r4, add(r3, add(r2, add(r1, r0))))");
        assert_eq!(
            of(5, 0, 4),
            "mod(add(r4, add(r3, add(r2, add(r1, r0)))), q)"
        );
        assert_eq!(
            of(6, 0, 5),
            "addmod(r5, add(r4, add(r3, add(r2, add(r1, r0)))), q)"
        );
        assert_eq!(
            of(6, 1, 5),
            "add(r5, addmod(w0, add(r4, add(r3, add(r2, add(r1, r0)))), q))"
        );
        assert_eq!(of(1, 1, 5), "addmod(w0, r0, q)");
    }
}
