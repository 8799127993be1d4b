//! Panels: frames that share their lines, and lines of text in them.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::symbols::merge::MergeStrategy;
use ratatui::text::{Line, Span};
use ratatui::widgets::Block;

use super::theme::{Theme, Tone};

/// A text of one tone.
pub(super) fn span(theme: &Theme, tone: Tone, text: impl Into<String>) -> Span<'static> {
    Span::styled(text.into(), theme.style(tone))
}

/// A line of one tone.
pub(super) fn line(theme: &Theme, tone: Tone, text: impl Into<String>) -> Line<'static> {
    Line::from(span(theme, tone, text))
}

/// A frame with a title at its left and one at its right; gives what is inside.
pub(super) fn pane(
    frame: &mut Frame<'_>,
    theme: &Theme,
    area: Rect,
    titles: (Line<'static>, Line<'static>),
) -> Rect {
    let (left, right) = titles;
    let mut block = Block::bordered()
        .border_style(theme.style(Tone::Dim))
        .merge_borders(MergeStrategy::Exact);
    if left.width() > 0 {
        block = block.title_top(spaced(left));
    }
    if right.width() > 0 {
        block = block.title_top(spaced(right).right_aligned());
    }
    let inner = block.inner(area);
    frame.render_widget(block, area);
    inner
}

/// A title does not touch its frame's line, and is not as dim as that.
fn spaced(title: Line<'static>) -> Line<'static> {
    let mut spans = vec![Span::raw(" ")];
    spans.extend(title.spans);
    spans.push(Span::raw(" "));
    let own = |span: Span<'static>| {
        let plain = Style::new().fg(Color::Reset);
        Span::styled(span.content, plain.patch(span.style))
    };
    Line::from(spans.into_iter().map(own).collect::<Vec<_>>())
}

/// The title of a panel; of the one with the cursor it is strong.
pub(super) fn title(theme: &Theme, text: impl Into<String>, chosen: bool) -> Line<'static> {
    line(theme, if chosen { Tone::Strong } else { Tone::Plain }, text)
}

/// Lines from the top, each cut at the right.
pub(super) fn lines(frame: &mut Frame<'_>, area: Rect, lines: &[Line<'static>]) {
    let buffer = frame.buffer_mut();
    for (row, line) in (area.top()..area.bottom()).zip(lines) {
        // One column of air at the left.
        let x = area.left().saturating_add(1).min(area.right());
        buffer.set_line(x, row, line, area.width.saturating_sub(1));
    }
}

/// The lines from `scroll` on; never past the end.
pub(super) fn scrolled<'a>(lines: &'a [Line<'static>], height: u16, scroll: usize) -> &'a [Line<'static>] {
    let most = lines.len().saturating_sub(usize::from(height));
    lines.get(scroll.min(most)..).unwrap_or_default()
}

/// Panels one below the other, whose frames share a line. The one of height 0 takes what is left.
pub(super) fn stacked<const N: usize>(area: Rect, heights: [u16; N]) -> [Rect; N] {
    let fixed: u16 = heights.iter().map(|height| height.saturating_sub(1)).sum();
    let rest = area.height.saturating_sub(fixed);
    let mut y = area.top();
    heights.map(|height| {
        let height = if height == 0 { rest } else { height };
        let height = height.min(area.bottom().saturating_sub(y));
        let one = Rect::new(area.left(), y, area.width, height);
        y = (y + height).saturating_sub(1).max(area.top());
        one
    })
}

/// Two panels side by side, whose frames share a line; the left one is so wide.
pub(super) fn beside(area: Rect, left: u16) -> [Rect; 2] {
    let left = left.min(area.width);
    let x = (area.left() + left).saturating_sub(1);
    [
        Rect::new(area.left(), area.top(), left, area.height),
        Rect::new(x, area.top(), area.right().saturating_sub(x), area.height),
    ]
}

/// A whole row in one style, such as that of the cursor.
pub(super) fn paint_row(frame: &mut Frame<'_>, area: Rect, row: u16, style: Style) {
    let one = Rect::new(area.left(), area.top() + row, area.width, 1).intersection(area);
    frame.buffer_mut().set_style(one, style);
}
