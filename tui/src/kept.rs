//! What a user keeps when the console goes on with another context.

use std::time::Duration;

use crate::lang::Lang;
use crate::model::{Model, Screen};
use crate::theme::Theme;

/// How the console is looked at, whatever is looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    screen: Screen,
    theme: Theme,
    lang: Lang,
    mouse: bool,
    span: Duration,
    entered: Vec<String>,
}

impl Kept {
    /// Of a console that is left.
    pub(crate) fn of(model: &Model) -> Self {
        Self {
            screen: model.screen,
            theme: model.setup.theme,
            lang: model.setup.lang,
            mouse: model.mouse,
            span: model.window.span,
            entered: model.entered.clone(),
        }
    }

    /// Into a console that begins.
    pub(crate) fn restore(self, model: &mut Model) {
        model.screen = self.screen;
        model.setup.theme = self.theme;
        model.setup.lang = self.lang;
        model.mouse = self.mouse;
        model.window.span = self.span;
        model.entered = self.entered;
    }
}
