//! Records made for benches and fault scenarios: the same number and version always make the same text.

use std::fmt::Write;

/// What a record looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// 14 members of every scalar kind, two of them timestamps: about 300 bytes.
    Flat,
    /// Objects in objects and lists of objects: about 550 bytes.
    Nested,
    /// The flat one with 100 more members: about 2 kB.
    Wide,
}

/// The order of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// 0, 1, 2 and so on.
    Rising,
    /// The whole range of 63 bits, in no order.
    Random,
}

/// Records of one kind.
#[derive(Debug, Clone, Copy)]
pub struct Records {
    pub shape: Shape,
    pub keys: Keys,
    /// All members but the key depend on it.
    pub version: u64,
}

impl Records {
    /// The record of a number, as JSON text.
    pub fn json(self, number: u64) -> String {
        let random = Random(number ^ self.version.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        match self.shape {
            Shape::Flat => format!("{{{}}}", self.flat(number, random)),
            Shape::Nested => self.nested(number, random),
            Shape::Wide => self.wide(number, random),
        }
    }

    /// The key of a record.
    pub fn id(self, number: u64) -> u64 {
        match self.keys {
            Keys::Rising => number,
            Keys::Random => Random(number).next() >> 1,
        }
    }

    fn flat(self, number: u64, mut random: Random) -> String {
        let id = self.id(number);
        let name = random.pick(&["Ada", "Grace", "Edsger", "Barbara", "Donald", "Frances", "Ken", "Radia"]);
        let status = random.pick(&["new", "open", "closed", "waiting"]);
        let country = random.pick(&["DE", "FR", "US", "JP", "BR", "KE"]);
        let (code, first, second) = (random.next(), random.below(86_400), random.below(86_400));
        let updated = if random.below(10) == 0 { "null".to_owned() } else { format!("\"{}\"", timestamp(second)) };
        format!(
            "\"id\":{id},\"code\":\"{code:016x}\",\"name\":\"{name} {number}\",\"email\":\"{name}.{number}@example.com\",\
             \"status\":\"{status}\",\"country\":\"{country}\",\"active\":{},\"quantity\":{},\"price\":{}.{:02},\
             \"ratio\":0.{:06},\"note\":\"record number {number} of a bench\",\"version\":{},\"created_at\":\"{}\",\
             \"updated_at\":{updated}",
            random.below(2) == 0,
            random.below(1_000),
            random.below(10_000),
            random.below(100),
            random.below(1_000_000),
            self.version,
            timestamp(first),
        )
    }

    fn nested(self, number: u64, mut random: Random) -> String {
        let mut items = String::new();
        for item in 0..=random.below(3) {
            let comma = if item == 0 { "" } else { "," };
            let (code, count) = (random.next(), random.below(20));
            let _ = write!(items, "{comma}{{\"sku\":\"{code:010x}\",\"count\":{count},\"price\":{count}.5}}");
        }
        let street = random.below(200);
        format!(
            "{{{},\"address\":{{\"street\":\"Street {street}\",\"city\":\"City {}\",\"geo\":{{\"lat\":{}.25,\"lon\":-{}.5}}}},\
             \"items\":[{items}],\"tags\":[\"a{}\",\"b\"]}}",
            self.flat(number, random),
            random.below(50),
            random.below(90),
            random.below(180),
            random.below(9),
        )
    }

    fn wide(self, number: u64, mut random: Random) -> String {
        let mut text = format!("{{{}", self.flat(number, random));
        for column in 0..100 {
            let value = random.below(100_000);
            let _ = match column % 4 {
                0 => write!(text, ",\"column_{column}\":{value}"),
                1 => write!(text, ",\"column_{column}\":{value}.5"),
                2 => write!(text, ",\"column_{column}\":\"text {value}\""),
                _ => write!(text, ",\"column_{column}\":{}", value.is_multiple_of(2)),
            };
        }
        text.push('}');
        text
    }
}

/// A second of 2024-03-09 in UTC.
fn timestamp(second: u64) -> String {
    format!("2024-03-09T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}

/// Sebastiano Vigna's SplitMix64: numbers that depend on the seed alone.
#[derive(Debug, Clone, Copy)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let index = usize::try_from(self.below(choices.len() as u64)).unwrap_or_default();
        choices.get(index).copied().unwrap_or_default()
    }
}
