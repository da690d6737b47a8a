//! Names of backends and what they select.

use trifold_prover::backend::{CardChoice, Choice, LowMemory, Options, select};

fn choice(text: &str) -> Choice {
    text.parse().unwrap()
}

#[test]
fn every_choice_reads_as_it_is_written() {
    for text in [
        "auto",
        "cpu",
        "cuda",
        "icicle",
        "paired:cuda,cpu",
        "paired:cpu,icicle",
    ] {
        assert_eq!(choice(text).to_string(), text);
    }
    assert_eq!(Choice::default(), Choice::Auto);
}

#[test]
fn other_names_are_refused_with_what_there_is() {
    for text in [
        "",
        "gpu",
        "CUDA",
        "paired",
        "paired:",
        "paired:cuda",
        "paired:cuda,cuda",
        "paired:auto,cpu",
        "paired:cuda,cpu,icicle",
        "paired:cuda, cpu",
        "paired:paired:cuda,cpu,cpu",
    ] {
        let error = text.parse::<Choice>().unwrap_err().to_string();
        assert!(error.contains(&format!("{text:?}")), "{error}");
        assert!(error.contains("auto, cpu, cuda, icicle"), "{error}");
    }
}

#[test]
fn cards_and_modes_are_read_from_text() {
    let uuid = "GPU-12345678-9abc-def0-0102-0304050607ff";
    assert_eq!(uuid.parse(), Ok(CardChoice::Uuid(uuid.into())));
    assert_eq!("3".parse(), Ok(CardChoice::Index(3)));
    for text in ["", "-1", "first", "gpu-1"] {
        assert!(text.parse::<CardChoice>().is_err(), "{text}");
    }
    assert_eq!("auto".parse(), Ok(LowMemory::Auto));
    assert_eq!("on".parse(), Ok(LowMemory::On));
    assert_eq!("off".parse(), Ok(LowMemory::Off));
    assert!("yes".parse::<LowMemory>().is_err());
}

#[test]
fn the_cpu_is_always_there() {
    let selected = select(&Choice::Cpu, &Options::default()).unwrap();
    assert_eq!(selected.backend.name(), "cpu");
    assert_eq!(selected.note, None);
}

/// `auto` takes the CPU exactly where `cuda` by name is refused, and gives the same reason.
#[test]
fn a_missing_card_is_a_note_to_auto_and_an_error_by_name() {
    let options = Options::default();
    let automatic = select(&Choice::Auto, &options).unwrap();
    match select(&Choice::Cuda, &options) {
        Ok(selected) => {
            assert_eq!(automatic.backend.name(), selected.backend.name());
            assert_eq!(automatic.note, None);
        }
        Err(error) => {
            let note = automatic.note.unwrap();
            assert_eq!(automatic.backend.name(), "cpu");
            let reason = error.to_string();
            let reason = reason.lines().next().unwrap();
            assert_eq!(note, format!("proving on the CPU: {reason}"));
            assert!(select(&choice("paired:cuda,cpu"), &options).is_err());
        }
    }
}
