//! Why two images measure differently.

use bulla_enclave::image::{Difference, Side, difference};
use bulla_processor::Sigstruct;
use bulla_processor::sgxs::Size;

use super::load::Loaded;
use crate::args::{DiffArgs, Format};
use crate::describe::{Fields, Value};
use crate::error::{Error, Result};
use crate::input;
use crate::inspect::{self, MAX_IMAGE_SIZE, permissions};
use crate::output::{Exit, Output};
use crate::render::{fields, table};

/// Most differences that are told to people. Programs get all of them.
const MAX_TOLD: usize = 100;

/// Longest value that people are shown, in characters: a measurement, in digits.
const MAX_WIDTH: usize = 64;

pub(super) fn run(args: &DiffArgs, output: &mut Output) -> Result<Exit> {
    let read = |path| input::read("image", path, MAX_IMAGE_SIZE);
    let (left, right) = (read(&args.left)?, read(&args.right)?);
    let found = match (Sigstruct::parse(&left), Sigstruct::parse(&right)) {
        (Some(left), Some(right)) => sigstructs(left, right),
        (None, None) => {
            let left = Loaded::of(&left, &args.left, &args.memory)?;
            let right = Loaded::of(&right, &args.right, &args.memory)?;
            images(&left, &right)
        }
        _ => {
            return Err(Error::ImageInvalid {
                path: args.right.clone(),
                reason: "one file is a SIGSTRUCT and the other is not; give two of a kind"
                    .to_owned(),
            });
        }
    };
    match output.format() {
        Format::Json => output.json(&found.fields())?,
        Format::Text => output.text(&found.text())?,
    }
    Ok(match found.rows.is_empty() {
        true => Exit::Done,
        false => Exit::Refused,
    })
}

/// What was found.
struct Found {
    /// What both sides measure as; absent for SIGSTRUCTs and open sizes.
    mrenclave: [Option<String>; 2],
    /// Whether the measurements are the same.
    measures_same: bool,
    rows: Vec<Row>,
}

/// One difference.
struct Row {
    place: Option<u64>,
    section: Option<String>,
    what: &'static str,
    /// What more there is to say, for people.
    note: String,
    left: Value,
    right: Value,
    /// Whether it changes the measurement.
    measured: bool,
}

impl Found {
    fn fields(&self) -> Fields {
        let side = |of: &Option<String>| of.clone().map_or(Value::Absent, Value::Text);
        let [left, right] = &self.mrenclave;
        let rows: Vec<Fields> = self.rows.iter().map(Row::fields).collect();
        Fields::new()
            .with("same", self.rows.is_empty())
            .with("measures_same", self.measures_same)
            .with("left_mrenclave", side(left))
            .with("right_mrenclave", side(right))
            .with("difference_count", self.rows.len())
            .with("differences", rows)
    }

    fn text(&self) -> String {
        let mut text = match (self.rows.is_empty(), self.measures_same) {
            (true, _) => "the same\n".to_owned(),
            (false, true) => "different, but measured the same\n".to_owned(),
            (false, false) => "different\n".to_owned(),
        };
        if let [Some(left), Some(right)] = &self.mrenclave {
            let sides = Fields::new()
                .with("left", left.as_str())
                .with("right", right.as_str());
            fields::write(&sides, 0, &mut text);
        }
        let rows: Vec<[String; 6]> = self.rows.iter().take(MAX_TOLD).map(Row::cells).collect();
        if !rows.is_empty() {
            text.push('\n');
        }
        let titles = ["offset", "section", "what", "left", "right", ""];
        table::write(titles, &rows, &mut text);
        if let Some(more) = self
            .rows
            .len()
            .checked_sub(MAX_TOLD)
            .filter(|more| *more > 0)
        {
            text.push_str(&format!("and {more} more; --format json has all\n"));
        }
        text
    }
}

impl Row {
    fn fields(&self) -> Fields {
        let place = self.place.map(|place| format!("{place:#x}"));
        Fields::new()
            .with("offset", place)
            .with("section", self.section.clone())
            .with("what", self.what)
            .with("left", self.left.clone())
            .with("right", self.right.clone())
            .with("note", self.note.as_str())
            .with("measured", self.measured)
    }

    fn cells(&self) -> [String; 6] {
        let shown = |value: &Value| {
            let line = fields::one_line(value).unwrap_or_default();
            match line.char_indices().nth(MAX_WIDTH) {
                Some((end, _)) => format!("{}...", &line[..end]),
                None => line,
            }
        };
        let note = match self.measured {
            true => self.note.clone(),
            false => format!("{}, not measured", self.note),
        };
        [
            self.place.map(|p| format!("{p:#x}")).unwrap_or_default(),
            self.section.clone().unwrap_or_default(),
            self.what.to_owned(),
            shown(&self.left),
            shown(&self.right),
            note,
        ]
    }
}

fn images(left: &Loaded, right: &Loaded) -> Found {
    let differences = difference(&left.image, &right.image);
    let mrenclaves = [left.image.mrenclave(), right.image.mrenclave()];
    let section = |offset| {
        let found = left.section(offset).or_else(|| right.section(offset));
        found.map(ToOwned::to_owned)
    };
    let rows = differences.iter().map(|difference| {
        let (place, what, left, right, note) = told(difference);
        Row {
            place,
            section: place.and_then(section),
            what,
            note,
            left,
            right,
            measured: difference.is_measured(),
        }
    });
    Found {
        rows: rows.collect(),
        measures_same: mrenclaves[0].is_some() && mrenclaves[0] == mrenclaves[1],
        mrenclave: mrenclaves.map(|m| m.map(hex::encode)),
    }
}

type Told = (Option<u64>, &'static str, Value, Value, String);

fn told(difference: &Difference) -> Told {
    let none = String::new;
    match difference {
        Difference::Size { left, right } => (None, "secs.size", size(*left), size(*right), none()),
        Difference::SsaFrameSize { left, right } => (
            None,
            "secs.ssaframesize",
            (*left).into(),
            (*right).into(),
            none(),
        ),
        Difference::PagesMissing {
            offset,
            pages,
            only,
            flags,
        } => {
            let has = Value::Text(permissions(*flags));
            let (left, right) = match only {
                Side::Left => (has, Value::Absent),
                Side::Right => (Value::Absent, has),
            };
            (Some(*offset), "page", left, right, format!("{pages} pages"))
        }
        Difference::Flags {
            offset,
            left,
            right,
        } => (
            Some(*offset),
            "flags",
            permissions(*left).into(),
            permissions(*right).into(),
            none(),
        ),
        Difference::Measured {
            offset,
            left,
            right,
        } => (
            Some(*offset),
            "measured",
            left.clone().into(),
            right.clone().into(),
            "chunks of 256 bytes".to_owned(),
        ),
        Difference::Order {
            offset,
            left,
            right,
        } => (
            Some(*offset),
            "order",
            left.clone().into(),
            right.clone().into(),
            "chunks of 256 bytes".to_owned(),
        ),
        Difference::Content {
            offset,
            count,
            left,
            right,
            ..
        } => (
            Some(*offset),
            "content",
            hex::encode(left).into(),
            hex::encode(right).into(),
            format!("{count} bytes of the page"),
        ),
        _ => (None, "unknown", Value::Absent, Value::Absent, none()),
    }
}

fn size(size: Size) -> Value {
    match size {
        Size::Bytes(bytes) => format!("{bytes:#x}").into(),
        Size::Open { .. } => "open".into(),
    }
}

/// Field by field; the signature and what follows from it differ with anything else.
fn sigstructs(left: &Sigstruct, right: &Sigstruct) -> Found {
    let (left, right) = (
        inspect::sigstruct_fields(left),
        inspect::sigstruct_fields(right),
    );
    let rows: Vec<Row> = left
        .iter()
        .zip(right.iter())
        .filter(|((_, l), (_, r))| l != r)
        .map(|((name, l), (_, r))| Row {
            place: None,
            section: None,
            what: name,
            note: String::new(),
            left: l.clone(),
            right: r.clone(),
            measured: true,
        })
        .collect();
    let measures_same = !rows.iter().any(|row| row.what == "enclavehash");
    Found {
        mrenclave: [None, None],
        measures_same,
        rows,
    }
}
