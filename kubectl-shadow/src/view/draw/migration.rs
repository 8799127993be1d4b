//! One migration.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::pane::{beside, line, lines, pane, scrolled, stacked, title};
use super::text::seconds;
use super::theme::{Theme, Tone};
use super::{flow, footer, header, instances, is_wide, news, proof, rates, steps};
use crate::view::model::list::Entry;
use crate::view::model::pipeline;
use crate::view::model::state::{State, pauses};
use crate::view::model::{EVENTS, Missing, Model, Panel};

const KEYS: &str = "Esc back  Tab panel  C cancel…  L notes  , . event  [ ] step  Space freeze";
const WIDE_KEYS: &str = "Esc back  Tab panel  e fill  C cancel…  L notes  Y yaml  v verdict  i explain  , . event  [ ] step  \
                         Space freeze  r record  y copy  q quit";
/// Events that are kept ready for a panel that is filled.
const TOLD: usize = 500;

/// Draws it.
pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, id: &str) {
    let area = frame.area();
    let wide = is_wide(area);
    let keys = Rect::new(area.left(), area.bottom() - 1, area.width, 1);
    footer(model, theme, frame, keys, &[if wide { WIDE_KEYS } else { KEYS }]);
    let Some(entry) = model.entry(id) else {
        header::draw(
            model,
            theme,
            frame,
            area,
            line(theme, Tone::Strong, id.to_owned()),
        );
        let body = Rect::new(area.left(), area.top() + 1, area.width, area.height - 2);
        let inner = pane(frame, theme, body, (Line::default(), Line::default()));
        lines(
            frame,
            inner,
            &[line(
                theme,
                Tone::Plain,
                "At this moment it had not been seen yet.",
            )],
        );
        return;
    };
    let top = if wide { 2 } else { 1 };
    header::of_migration(model, theme, frame, &entry, wide);
    let body = Rect::new(area.left(), area.top() + top, area.width, area.height - top - 1);
    let view = View { model, theme, entry };
    if model.filled {
        view.panel(frame, body, model.panel);
    } else if wide {
        view.wide(frame, body);
    } else {
        view.narrow(frame, body);
    }
}

struct View<'a> {
    model: &'a Model,
    theme: &'a Theme,
    entry: Entry<'a>,
}

impl View<'_> {
    fn narrow(&self, frame: &mut Frame<'_>, body: Rect) {
        let events = (body.height / 4).clamp(4, 8);
        let [upper, lower] = stacked(body, [0, events]);
        let [left, right] = beside(upper, (upper.width * 47 / 100).max(37));
        let [messages, source, copy, proof] = stacked(right, [0, 4, 4, 5]);
        self.panel(frame, left, Panel::Steps);
        self.panel(frame, messages, Panel::Messages);
        self.source(frame, source);
        self.copy(frame, copy);
        self.panel(frame, proof, Panel::Proof);
        self.panel(frame, lower, Panel::Events);
    }

    fn wide(&self, frame: &mut Frame<'_>, body: Rect) {
        // Where there is more room, bars and events grow; nothing else moves.
        let extra = body.height.saturating_sub(42);
        let [upper, middle, sides, events] = stacked(body, [0, 11, 7, 9 + extra / 2]);
        self.panel(frame, upper, Panel::Steps);
        let [messages, right] = beside(middle, body.width.div_ceil(2));
        self.panel(frame, messages, Panel::Messages);
        self.rates(frame, right);
        let third = body.width.div_ceil(3);
        let [source, rest] = beside(sides, third);
        let [copy, proof] = beside(rest, third + 1);
        self.source(frame, source);
        self.copy(frame, copy);
        self.panel(frame, proof, Panel::Proof);
        self.panel(frame, events, Panel::Events);
    }

    fn panel(&self, frame: &mut Frame<'_>, area: Rect, panel: Panel) {
        let inner = Rect::new(
            area.left() + 1,
            area.top() + 1,
            area.width.saturating_sub(2),
            area.height.saturating_sub(2),
        );
        let (theme, entry) = (self.theme, &self.entry);
        let (name, text) = match panel {
            Panel::Steps => (self.steps_title(), steps::list(self.model, theme, entry, inner)),
            Panel::Messages => ("Messages".to_owned(), self.messages(inner)),
            Panel::Proof => ("Proof so far".to_owned(), proof::lines(theme, entry, inner)),
            Panel::Events => (self.events_title(), news::of_one(self.model, theme, entry, TOLD)),
            Panel::Instances => {
                let mut text = vec![line(theme, Tone::Strong, "Source")];
                text.extend(instances::source(self.model, theme, entry, inner));
                text.push(line(theme, Tone::Strong, "Copy"));
                text.extend(instances::copy(self.model, theme, entry, inner));
                ("Source and copy".to_owned(), text)
            }
        };
        let chosen = self.model.panel == panel;
        let inner = pane(
            frame,
            theme,
            area,
            (title(theme, name, chosen), self.corner(panel)),
        );
        let from = if chosen {
            self.model.scroll
        } else {
            self.in_view(panel, &text, inner)
        };
        lines(frame, inner, scrolled(&text, inner.height, from));
    }

    /// With rates, unless these have a panel of their own.
    fn messages(&self, area: Rect) -> Vec<Line<'static>> {
        let mut text = flow::picture(self.model, self.theme, &self.entry, area);
        if self.model.filled || !is_wide(Rect::new(0, 0, self.model.size.0, self.model.size.1)) {
            text.extend(rates::lines(self.model, self.theme, &self.entry, area));
        }
        if self.model.filled {
            text.extend(rates::pauses(self.model, self.theme, &self.entry));
        }
        text
    }

    fn rates(&self, frame: &mut Frame<'_>, area: Rect) {
        let name = line(self.theme, Tone::Plain, "Rates, a column for each look");
        let basis = line(self.theme, Tone::Dim, rates::basis(self.model, &self.entry));
        let inner = pane(frame, self.theme, area, (name, basis));
        let mut text = rates::lines(self.model, self.theme, &self.entry, inner);
        text.extend(rates::pauses(self.model, self.theme, &self.entry));
        lines(frame, inner, &text);
    }

    /// The step that is under way stays in view.
    fn in_view(&self, panel: Panel, text: &[Line<'static>], area: Rect) -> usize {
        if panel != Panel::Steps {
            return 0;
        }
        let is_here = |line: &Line<'static>| {
            let first = line
                .spans
                .first()
                .map(|span| span.content.as_ref())
                .unwrap_or_default();
            first.starts_with('>') || first.starts_with('=')
        };
        let here = text.iter().rposition(is_here).unwrap_or(0);
        (here + 3).saturating_sub(usize::from(area.height))
    }

    fn source(&self, frame: &mut Frame<'_>, area: Rect) {
        let chosen = self.model.panel == Panel::Instances;
        let inner = pane(
            frame,
            self.theme,
            area,
            (title(self.theme, "Source", chosen), Line::default()),
        );
        lines(
            frame,
            inner,
            &instances::source(self.model, self.theme, &self.entry, inner),
        );
    }

    fn copy(&self, frame: &mut Frame<'_>, area: Rect) {
        let chosen = self.model.panel == Panel::Instances;
        let inner = pane(
            frame,
            self.theme,
            area,
            (title(self.theme, "Copy", chosen), Line::default()),
        );
        lines(
            frame,
            inner,
            &instances::copy(self.model, self.theme, &self.entry, inner),
        );
    }

    fn steps_title(&self) -> String {
        let Some(status) = self.entry.migration.status.as_ref() else {
            return "Steps".to_owned();
        };
        let end = status
            .completion_time
            .as_ref()
            .map_or(self.model.clock(), |time| time.0);
        let all = status
            .start_time
            .as_ref()
            .map(|start| end.duration_since(start.0).as_secs_f64().max(0.0));
        let (over, steps) = pipeline::done(status);
        let all = all.map(|all| format!("  {}", seconds(all))).unwrap_or_default();
        match steps {
            0 => format!("Steps: none yet{all}"),
            _ => format!("Steps {over} of {steps}{all}"),
        }
    }

    /// Pauses so far, beside the messages.
    fn corner(&self, panel: Panel) -> Line<'static> {
        let status = self.entry.migration.status.as_ref();
        let Some(status) = status.filter(|_| panel == Panel::Messages) else {
            return Line::default();
        };
        let pauses = pauses(status, self.model.clock());
        let told = pauses
            .iter()
            .map(|(leg, pause, _)| format!("pause {leg}: {}", seconds(*pause)));
        line(self.theme, Tone::Held, told.collect::<Vec<_>>().join("  "))
    }

    fn events_title(&self) -> String {
        match (self.model.missing(EVENTS), self.entry.state) {
            (Missing::Right(_), _) => "Events (NO RIGHT: list events)".to_owned(),
            (Missing::Absent | Missing::NotYet, State::Gone) => "Events until it was deleted".to_owned(),
            (Missing::Absent | Missing::NotYet, _) => "Events".to_owned(),
        }
    }
}
