//! Lines about what happens, for people and for programs.

use std::fmt;

use tracing::dispatcher::SetGlobalDefaultError;
pub use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::fmt::format::{self, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

/// How a line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, with the fields side by side.
    Json,
}

/// What is written, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// How.
    pub format: LogFormat,
    /// What: this and everything that is worse.
    pub level: LevelFilter,
    /// Whether each line says that everything is a simulation.
    pub simulated: bool,
}

/// Has all lines of this process written to standard error. Fails if that was settled before.
pub fn install(settings: LogSettings) -> Result<(), SetGlobalDefaultError> {
    tracing::dispatcher::set_global_default(writing_to(settings, std::io::stderr))
}

/// Writes lines to this writer.
pub fn writing_to<W>(settings: LogSettings, writer: W) -> Dispatch
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_max_level(settings.level)
        .with_ansi(false)
        // A line that cannot be written, as on a full disk, must not end the request that it is about.
        .log_internal_errors(false)
        .with_writer(writer);
    let simulated = settings.simulated;
    match settings.format {
        LogFormat::Text => {
            let mark = if simulated { "SIMULATED " } else { "" };
            let inner = format::format().with_ansi(false);
            Dispatch::new(builder.event_format(Text { inner, mark }).finish())
        }
        LogFormat::Json => {
            let mark = if simulated { "\"simulated\":true," } else { "" };
            let inner = format::format().json().flatten_event(true);
            let builder = builder.fmt_fields(JsonFields::new());
            Dispatch::new(builder.event_format(Json { inner, mark }).finish())
        }
    }
}

/// Lines that begin with a mark.
struct Text {
    inner: format::Format,
    mark: &'static str,
}

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        writer.write_str(self.mark)?;
        self.inner.format_event(context, writer, event)
    }
}

/// Objects whose first field is a mark.
struct Json {
    inner: format::Format<format::Json>,
    mark: &'static str,
}

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.inner
            .format_event(context, Writer::new(&mut line), event)?;
        let fields = line.strip_prefix('{').ok_or(fmt::Error)?;
        write!(writer, "{{{}{fields}", self.mark)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines(format: LogFormat, simulated: bool) -> String {
        let lines = Lines::default();
        let settings = LogSettings {
            format,
            level: LevelFilter::INFO,
            simulated,
        };
        let writer = lines.clone();
        let dispatch = writing_to(settings, move || writer.clone());
        tracing::dispatcher::with_default(&dispatch, || {
            tracing::info!(status = 200, path = "/a\n\u{1b}[31m\"b", "answered");
            tracing::debug!("not wanted");
        });
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn json_has_one_object_a_line_with_the_mark() {
        for simulated in [true, false] {
            let text = lines(LogFormat::Json, simulated);
            assert_eq!(text.lines().count(), 1, "{text}");
            let line: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(line["message"], "answered");
            assert_eq!(line["status"], 200);
            assert_eq!(line["path"], "/a\n\u{1b}[31m\"b");
            assert_eq!(line.get("simulated").is_some(), simulated);
        }
    }

    #[test]
    fn text_has_the_mark_and_no_control_characters() {
        let text = lines(LogFormat::Text, true);
        assert!(text.starts_with("SIMULATED "), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
        assert!(!lines(LogFormat::Text, false).contains("SIMULATED"));
    }
}
