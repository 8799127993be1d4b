//! Whether the background is light, asked of the terminal itself (OSC 11).
//!
//! The answer comes as everything comes that a terminal sends: as keys, at once, late or never. Guarantee: nothing waits for it while
//! the view is open, no key of the answer is taken for one of a person, and no key of a person is lost. Pure: time comes from outside.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tokio::time::Instant;

/// Whether the terminal is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// It is.
    Yes,
    /// It need not be: no colour is used, or a person has said it.
    No,
}

/// What the terminal is asked with.
pub const QUESTION: &str = "\u{1b}]11;?\u{7}";
/// A view that is left so soon after the question waits for the answer, which would else be typed into the shell.
pub const ANSWERED: Duration = Duration::from_millis(300);
/// How an answer begins, without its escape character.
const BEGINNING: &str = "]11;rgb";
const LONGEST: usize = 40;
/// A terminal sends an answer at once. Keys that come slower are a person's.
const GAP: Duration = Duration::from_millis(100);
/// What began as no person types is waited for longer: the line may be slow.
const SLOW: Duration = Duration::from_secs(2);

/// Listens for the answer.
#[derive(Debug)]
pub struct Ear {
    /// When it was asked, while there is no answer.
    asked: Option<Instant>,
    /// Keys that may be the beginning of the answer.
    held: Vec<KeyEvent>,
    last: Instant,
    /// The answer has ended with an escape character, which may belong to a `\`.
    ended: bool,
}

/// What a key means.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Keys of a person, in their order.
    pub keys: Vec<KeyEvent>,
    /// The answer: the background is light.
    pub light: Option<bool>,
}

impl Ear {
    /// Of a terminal that was asked just now, or not at all.
    pub fn new(ask: Ask, now: Instant) -> Self {
        Self {
            asked: (ask == Ask::Yes).then_some(now),
            held: Vec::new(),
            last: now,
            ended: false,
        }
    }

    /// Until when a view that is left waits for the answer.
    pub fn waits_until(&self) -> Option<Instant> {
        self.asked.map(|asked| asked + ANSWERED)
    }

    /// Takes a key.
    pub fn hear(&mut self, key: KeyEvent, now: Instant) -> Heard {
        if std::mem::take(&mut self.ended) && key.code == KeyCode::Char('\\') && now - self.last <= GAP {
            return Heard::default();
        }
        if self.asked.is_none() {
            return Heard {
                keys: vec![key],
                light: None,
            };
        }
        let mut keys = self.late(now);
        let text = self.text();
        if text.starts_with(BEGINNING) && is_end(key) {
            self.ended = key.code == KeyCode::Esc;
            self.last = now;
            self.held.clear();
            self.asked = None;
            return Heard {
                keys,
                light: light(&text),
            };
        }
        if !goes_on(&text, key) {
            keys.append(&mut self.held);
        }
        if goes_on(&self.text(), key) {
            self.held.push(key);
            self.last = now;
        } else {
            keys.push(key);
        }
        Heard { keys, light: None }
    }

    /// The keys that were no answer after all. What began as an answer and never ended is none of a person either.
    pub fn late(&mut self, now: Instant) -> Vec<KeyEvent> {
        let silent = now - self.last;
        match self.text().starts_with(BEGINNING) {
            true if silent > SLOW => {
                self.held.clear();
                Vec::new()
            }
            false if silent > GAP => std::mem::take(&mut self.held),
            true | false => Vec::new(),
        }
    }

    fn text(&self) -> String {
        self.held.iter().filter_map(|key| character(*key)).collect()
    }
}

fn character(key: KeyEvent) -> Option<char> {
    let plain = !key.modifiers.contains(KeyModifiers::CONTROL);
    key.code.as_char().filter(|_| plain)
}

/// Whether this key belongs to the answer behind this text.
fn goes_on(text: &str, key: KeyEvent) -> bool {
    let Some(c) = character(key) else { return false };
    if text.len() < BEGINNING.len() {
        return BEGINNING
            .strip_prefix(text)
            .is_some_and(|rest| rest.starts_with(c));
    }
    text.len() < LONGEST && (c.is_ascii_hexdigit() || matches!(c, ':' | '/'))
}

/// BEL, or `ESC \` in one piece or in two.
fn is_end(key: KeyEvent) -> bool {
    let with = |modifier| key.modifiers.contains(modifier);
    key.code == KeyCode::Esc
        || (key.code == KeyCode::Char('g') && with(KeyModifiers::CONTROL))
        || (key.code == KeyCode::Char('\\') && with(KeyModifiers::ALT))
}

/// `]11;rgb:RRRR/GGGG/BBBB`, or with `rgba` and a fourth part; one to four digits each.
fn light(text: &str) -> Option<bool> {
    let (_, colour) = text.split_once(':')?;
    let parts: Option<Vec<f64>> = colour.split('/').map(part).collect();
    let parts = parts?;
    let [red, green, blue] = parts.get(..3)?.try_into().ok()?;
    Some(0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5)
}

fn part(digits: &str) -> Option<f64> {
    let most = match digits.len() {
        length @ 1..=4 => 16_f64.powi(i32::try_from(length).ok()?) - 1.0,
        _ => return None,
    };
    Some(f64::from(u16::from_str_radix(digits, 16).ok()?) / most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Vec<KeyEvent> {
        let mut keys = Vec::new();
        let mut modifiers = KeyModifiers::NONE;
        for c in text.chars() {
            match c {
                '\u{1b}' => modifiers = KeyModifiers::ALT,
                '\u{7}' => keys.push(KeyEvent::new(KeyCode::Char('g'), KeyModifiers::CONTROL)),
                c => {
                    keys.push(KeyEvent::new(KeyCode::Char(c), modifiers));
                    modifiers = KeyModifiers::NONE;
                }
            }
        }
        keys
    }

    /// Each key so long after the last: what is left of them, and what was answered.
    fn heard(keys: &[KeyEvent], between: Duration) -> (String, Option<bool>) {
        let mut now = Instant::now();
        let mut ear = Ear::new(Ask::Yes, now);
        let (mut left, mut light) = (Vec::new(), None);
        for key in keys {
            now += between;
            let heard = ear.hear(*key, now);
            left.extend(heard.keys);
            light = light.or(heard.light);
        }
        left.extend(ear.late(now + Duration::from_secs(3)));
        (left.iter().filter_map(|key| key.code.as_char()).collect(), light)
    }

    const FAST: Duration = Duration::from_micros(10);

    #[test]
    fn an_answer_is_light_or_dark_and_no_key() {
        for (colour, light) in [
            ("rgb:ffff/ffff/ffff", Some(true)),
            ("rgb:0000/0000/0000", Some(false)),
            ("rgb:fd/f6/e3", Some(true)),
            ("rgb:0/2b/36", Some(false)),
            ("rgba:1e1e/1e1e/2e2e/ffff", Some(false)),
            ("rgb:EEEE/EEEE/EEEE", Some(true)),
            ("rgb:/", None),
        ] {
            for end in ["\u{7}", "\u{1b}\\"] {
                let keys = typed(&format!("\u{1b}]11;{colour}{end}"));
                assert_eq!(heard(&keys, FAST), (String::new(), light), "{colour}");
            }
        }
    }

    #[test]
    fn keys_around_an_answer_and_in_a_hurry_stay_those_of_a_person() {
        let keys = typed("jj\u{1b}]11;rgb:ffff/ffff/ffff\u{7}]q");
        assert_eq!(heard(&keys, FAST), ("jj]q".to_owned(), Some(true)));
    }

    #[test]
    fn what_only_begins_like_an_answer_is_typed() {
        for text in ["]", "]]", "]11q", "]1[", "]11;?", "q]11;r"] {
            assert_eq!(heard(&typed(text), FAST).0, text);
            assert_eq!(heard(&typed(text), Duration::from_secs(1)).0, text);
        }
    }

    #[test]
    fn an_answer_in_pieces_is_still_one() {
        let mut keys = typed("]11;rgb:ffff/ffff/ffff");
        keys.extend([KeyCode::Esc, KeyCode::Char('\\'), KeyCode::Char('j')].map(KeyEvent::from));
        assert_eq!(heard(&keys, FAST), ("j".to_owned(), Some(true)));
    }

    #[test]
    fn what_was_not_asked_is_not_listened_for() {
        let mut ear = Ear::new(Ask::No, Instant::now());
        let bracket = typed("]")[0];
        assert_eq!(ear.hear(bracket, Instant::now()).keys, [bracket]);
        assert_eq!(ear.waits_until(), None);
    }

    #[test]
    fn an_answer_that_never_ends_is_given_up() {
        let now = Instant::now();
        let mut ear = Ear::new(Ask::Yes, now);
        for key in typed("]11;rgb:ff") {
            assert_eq!(ear.hear(key, now), Heard::default());
        }
        assert!(ear.late(now + Duration::from_secs(1)).is_empty());
        let bracket = typed("q")[0];
        assert_eq!(ear.hear(bracket, now + Duration::from_secs(3)).keys, [bracket]);
    }
}
