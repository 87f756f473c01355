//! Records of patients, and a score: the ten-year risk of a cardiovascular event, coarsely. The points
//! are made up.

use std::fmt;

/// What is known of one patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Years, 18 to 120.
    pub age: u32,
    /// Systolic blood pressure in mmHg, 60 to 260.
    pub pressure: u32,
    /// Total cholesterol in mg/dl, 50 to 500.
    pub cholesterol: u32,
    /// Whether the patient smokes.
    pub smokes: bool,
    /// Whether the patient has diabetes.
    pub diabetes: bool,
}

/// Why a line is no record. It names the field, never what stands there: that is confidential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the field `{}` is absent or out of range", self.0)
    }
}

impl Record {
    /// Reads `age,pressure,cholesterol,smokes,diabetes`, the last two 0 or 1.
    pub fn parse(line: &str) -> Result<Self, Malformed> {
        let mut fields = line.trim().split(',');
        let mut number = |name, least: u32, most: u32| {
            let value = fields.next().and_then(|text| text.trim().parse().ok());
            value
                .filter(|value| (least..=most).contains(value))
                .ok_or(Malformed(name))
        };
        let record = Self {
            age: number("age", 18, 120)?,
            pressure: number("pressure", 60, 260)?,
            cholesterol: number("cholesterol", 50, 500)?,
            smokes: number("smokes", 0, 1)? == 1,
            diabetes: number("diabetes", 0, 1)? == 1,
        };
        match fields.next() {
            None => Ok(record),
            Some(_) => Err(Malformed("end of line")),
        }
    }

    /// Points, 0 to 100; more is worse.
    pub fn score(&self) -> u32 {
        let age = self.age.saturating_sub(30).min(50) / 2;
        let pressure = self.pressure.saturating_sub(110).min(80) / 4;
        let cholesterol = self.cholesterol.saturating_sub(160).min(160) / 8;
        age + pressure + cholesterol + 15 * u32::from(self.smokes) + 20 * u32::from(self.diabetes)
    }
}

/// What leaves the enclave: about all records together, about none alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many records.
    pub records: u32,
    /// How many lines were none.
    pub refused: u32,
    /// Sum of all scores.
    pub total: u64,
    /// How many score 50 or more.
    pub high: u32,
}

/// Fewest records that are told about: of fewer, a mean says too much about each.
pub const FEWEST: u32 = 5;

impl Summary {
    /// The same with one more line.
    pub fn add(&mut self, line: &str) {
        match Record::parse(line) {
            Ok(record) => {
                let score = record.score();
                self.records = self.records.saturating_add(1);
                self.total = self.total.saturating_add(u64::from(score));
                self.high = self.high.saturating_add(u32::from(score >= 50));
            }
            Err(_) => self.refused = self.refused.saturating_add(1),
        }
    }

    /// The mean score; `None` of too few records.
    pub fn mean(&self) -> Option<u64> {
        (self.records >= FEWEST).then(|| self.total / u64::from(self.records))
    }
}

/// A line for each fact.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "records  {}", self.records)?;
        writeln!(f, "refused  {}", self.refused)?;
        match self.mean() {
            Some(mean) => writeln!(f, "mean     {mean}\nhigh     {}", self.high),
            None => writeln!(f, "mean     too few records to tell"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_scored() {
        let record = Record::parse("62, 150, 240, 1, 0").expect("a record");
        assert_eq!(record.score(), 16 + 10 + 10 + 15);
        assert_eq!(Record::parse("18,60,50,0,0").map(|r| r.score()), Ok(0));
        assert_eq!(Record::parse("120,260,500,1,1").map(|r| r.score()), Ok(100));
    }

    #[test]
    fn what_is_no_record_is_named_without_its_content() {
        for (line, field) in [
            ("", "age"),
            ("17,120,200,0,0", "age"),
            ("50,120", "cholesterol"),
            ("50,120,200,2,0", "smokes"),
            ("50,120,200,0,0,1", "end of line"),
        ] {
            assert_eq!(Record::parse(line), Err(Malformed(field)), "{line}");
        }
    }

    #[test]
    fn few_records_have_no_mean() {
        let mut summary = Summary::default();
        for count in 1..=FEWEST {
            assert_eq!(summary.mean(), None);
            summary.add("62,150,240,1,0");
            assert_eq!(summary.records, count);
        }
        summary.add("not a record");
        assert_eq!((summary.mean(), summary.refused), (Some(51), 1));
        assert_eq!(
            summary.to_string(),
            "records  5\nrefused  1\nmean     51\nhigh     5\n"
        );
    }
}
