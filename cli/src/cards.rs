//! The cards of this machine, as the commands see them.

use anyhow::{Context, bail};
use trifold_prover::backend::{CardChoice, Choice};

use crate::proving::{Cards, Proving};

/// A card by the driver's present number and its lasting name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    pub number: u32,
    /// `GPU-` and a UUID.
    pub uuid: String,
}

/// Characters of a UUID that logs and workers' names show: `GPU-` and eight digits.
const SHORT_UUID: usize = 12;

impl Card {
    /// What logs call it.
    pub fn short(&self) -> &str {
        self.uuid.get(..SHORT_UUID).unwrap_or(&self.uuid)
    }

    fn is(&self, choice: &CardChoice) -> bool {
        match choice {
            CardChoice::Index(number) => self.number == *number,
            CardChoice::Uuid(uuid) => self.uuid.eq_ignore_ascii_case(uuid),
        }
    }
}

/// The cards that the flags ask for: none when a backend needs none, or when it may do without and there is none.
///
/// # Errors
/// A card or a backend that was asked for by name is not there.
pub fn wanted(proving: &Proving) -> anyhow::Result<Vec<Card>> {
    let by_name = match &proving.backend {
        Choice::Cpu => return Ok(Vec::new()),
        _ if proving.icicle_device.is_some() => return Ok(Vec::new()),
        Choice::Paired(pair) => pair.contains(&Choice::Cuda),
        Choice::Cuda => true,
        Choice::Auto | Choice::Icicle => proving.cards != Cards::All,
    };
    match list() {
        Err(error) if by_name => Err(error),
        Err(_) => Ok(Vec::new()),
        Ok(cards) => chosen(cards, &proving.cards),
    }
}

fn chosen(all: Vec<Card>, wanted: &Cards) -> anyhow::Result<Vec<Card>> {
    let Cards::These(choices) = wanted else {
        return Ok(all);
    };
    let mut cards: Vec<Card> = Vec::new();
    for choice in choices {
        let found = all.iter().find(|card| card.is(choice));
        let card = found.with_context(|| {
            let there: Vec<_> = all.iter().map(Card::to_string).collect();
            format!(
                "no card {choice:?} on this machine, there is {}",
                there.join(", ")
            )
        })?;
        if cards.contains(card) {
            bail!("card {card} is asked for twice");
        }
        cards.push(card.clone());
    }
    Ok(cards)
}

impl std::fmt::Display for Card {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.number, self.uuid)
    }
}

#[cfg(feature = "cuda")]
fn list() -> anyhow::Result<Vec<Card>> {
    let card = |card: trifold_prover::backend::cuda::Card| Card {
        number: card.ordinal,
        uuid: card.id.to_string(),
    };
    let cards = trifold_prover::backend::cuda::cards()?;
    Ok(cards.into_iter().map(card).collect())
}

#[cfg(not(feature = "cuda"))]
fn list() -> anyhow::Result<Vec<Card>> {
    bail!("this program was built without the feature cuda")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cards() -> Vec<Card> {
        let card = |number: u32| Card {
            number,
            uuid: format!("GPU-0000000{number}-1111-2222-3333-444444444444"),
        };
        (0..3).map(card).collect()
    }

    fn pick(text: &str) -> anyhow::Result<Vec<u32>> {
        let wanted = text.parse().map_err(anyhow::Error::msg)?;
        let cards = chosen(cards(), &wanted)?;
        Ok(cards.iter().map(|card| card.number).collect())
    }

    #[test]
    fn cards_are_chosen_by_number_and_by_uuid_in_any_case() {
        assert_eq!(pick("all").unwrap(), [0, 1, 2]);
        assert_eq!(pick("2,0").unwrap(), [2, 0]);
        assert_eq!(
            pick("GPU-00000001-1111-2222-3333-444444444444").unwrap(),
            [1]
        );
    }

    #[test]
    fn a_card_that_is_not_there_is_named_with_those_that_are() {
        let said = pick("0,7").unwrap_err().to_string();
        assert!(
            said.contains('7') && said.contains(&cards()[2].uuid),
            "{said}"
        );
        let twice = pick("1,GPU-00000001-1111-2222-3333-444444444444").unwrap_err();
        assert!(twice.to_string().contains("twice"), "{twice}");
    }

    #[test]
    fn short_names_are_words() {
        assert_eq!(cards()[1].short(), "GPU-00000001");
    }
}
