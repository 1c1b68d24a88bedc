//! The colours of each theme, and what becomes of them where a terminal shows fewer.

use ratatui::style::Color;

/// How many colours a terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The sixteen that the user chose for the terminal.
    Sixteen,
    /// The palette of 256 that xterm brought in.
    Indexed,
    /// Red, green and blue, eight bits each.
    True,
}

/// A colour, and the one of the sixteen that stands for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shade {
    rgb: (u8, u8, u8),
    ansi: Color,
}

/// The colours of a theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Palette {
    /// As it should be.
    pub(super) ok: Shade,
    /// Worth a look.
    pub(super) warning: Shade,
    /// Somebody has to act.
    pub(super) critical: Shade,
    /// Headings.
    pub(super) heading: Shade,
    /// Curves, none of them the colour of a state.
    pub(super) curves: [Shade; 4],
    /// Text and ground, where the theme does not leave them to the terminal.
    pub(super) page: Option<(Shade, Shade)>,
    /// Whether what is old or unknown is dimmed, which costs contrast.
    pub(super) dims: bool,
}

const fn shade(rgb: u32, ansi: Color) -> Shade {
    let [_, r, g, b] = rgb.to_be_bytes();
    Shade {
        rgb: (r, g, b),
        ansi,
    }
}

impl Shade {
    /// The colour as a terminal of this depth is told it.
    pub(crate) fn at(self, depth: Depth) -> Color {
        let (r, g, b) = self.rgb;
        match depth {
            Depth::Sixteen => self.ansi,
            Depth::Indexed => Color::Indexed(indexed(self.rgb)),
            Depth::True => Color::Rgb(r, g, b),
        }
    }
}

/// For a dark ground, which is the terminal's own.
pub(super) const DARK: Palette = Palette {
    ok: shade(0x5f_d787, Color::Green),
    warning: shade(0xff_d75f, Color::Yellow),
    critical: shade(0xff_5f5f, Color::Red),
    heading: shade(0x5f_d7ff, Color::Cyan),
    curves: [
        shade(0x5f_d7ff, Color::Cyan),
        shade(0xd7_87ff, Color::Magenta),
        shade(0x87_afff, Color::Blue),
        shade(0xd0_d0d0, Color::White),
    ],
    page: None,
    dims: true,
};

/// Dark on light.
pub(super) const LIGHT: Palette = Palette {
    ok: shade(0x00_6b2b, Color::Green),
    warning: shade(0x87_4b00, Color::Magenta),
    critical: shade(0xb8_0018, Color::Red),
    heading: shade(0x00_5087, Color::Blue),
    curves: [
        shade(0x00_5fa7, Color::Blue),
        shade(0x80_00a0, Color::Magenta),
        shade(0x00_5f5f, Color::Cyan),
        shade(0x4e_4e4e, Color::DarkGray),
    ],
    page: Some((
        shade(0x1c_1c1c, Color::Black),
        shade(0xff_ffff, Color::White),
    )),
    dims: true,
};

/// As far apart as colours can be, and nothing dimmed.
pub(super) const HIGH_CONTRAST: Palette = Palette {
    ok: shade(0x5f_ff87, Color::LightGreen),
    warning: shade(0xff_ff00, Color::LightYellow),
    critical: shade(0xff_8787, Color::LightRed),
    heading: shade(0x5f_ffff, Color::LightCyan),
    curves: [
        shade(0x5f_ffff, Color::LightCyan),
        shade(0xff_afff, Color::LightMagenta),
        shade(0xaf_d7ff, Color::LightBlue),
        shade(0xff_ffff, Color::White),
    ],
    page: Some((
        shade(0xff_ffff, Color::White),
        shade(0x00_0000, Color::Black),
    )),
    dims: false,
};

/// States that are told apart with any kind of colour vision: blue, yellow, magenta, of unequal
/// lightness.
pub(super) const COLOUR_BLIND: Palette = Palette {
    ok: shade(0x5f_9fff, Color::LightBlue),
    warning: shade(0xff_d700, Color::LightYellow),
    critical: shade(0xff_4f9f, Color::LightMagenta),
    heading: shade(0xff_ffff, Color::White),
    curves: [
        shade(0xd7_d7d7, Color::White),
        shade(0x5f_d7d7, Color::Cyan),
        shade(0xaf_afff, Color::Blue),
        shade(0x94_9494, Color::Gray),
    ],
    page: None,
    dims: true,
};

/// The nearest of the 256: 16 to 231 are a cube of six levels, 232 to 255 are greys
/// (xterm's `256colres.pl`).
fn indexed(rgb: (u8, u8, u8)) -> u8 {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let cube = (0_u8..216).map(|at| {
        let level = |digit: u8| LEVELS[usize::from(digit % 6)];
        (16 + at, (level(at / 36), level(at / 6), level(at)))
    });
    let greys = (0_u8..24).map(|at| (232 + at, (8 + 10 * at, 8 + 10 * at, 8 + 10 * at)));
    let nearest = cube
        .chain(greys)
        .min_by_key(|(_, found)| distance(*found, rgb));
    nearest.map_or(15, |(index, _)| index)
}

fn distance(a: (u8, u8, u8), b: (u8, u8, u8)) -> u32 {
    let part = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
    part(a.0, b.0) + part(a.1, b.1) + part(a.2, b.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Linear = [f64; 3];

    fn linear(shade: Shade) -> Linear {
        let (r, g, b) = shade.rgb;
        [r, g, b].map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        })
    }

    /// Relative luminance and contrast as WCAG 2.2 defines them.
    fn contrast(a: Shade, b: Shade) -> f64 {
        let luminance = |shade| {
            let [r, g, b] = linear(shade);
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn all(palette: &Palette) -> Vec<Shade> {
        let mut all = palette.curves.to_vec();
        all.extend([palette.ok, palette.warning, palette.critical]);
        all.push(palette.heading);
        all.extend(palette.page.map(|(text, _)| text));
        all
    }

    #[test]
    fn every_colour_can_be_read_on_its_ground() {
        let black = shade(0, Color::Black);
        for (palette, least) in [
            (DARK, 4.5),
            (LIGHT, 4.5),
            (COLOUR_BLIND, 4.5),
            (HIGH_CONTRAST, 7.0),
        ] {
            let ground = palette.page.map_or(black, |(_, ground)| ground);
            for colour in all(&palette) {
                let found = contrast(colour, ground);
                assert!(found >= least, "{colour:?} on {ground:?}: {found:.1}");
            }
        }
    }

    /// What a person with a kind of colour vision sees: the matrices of Machado, Oliveira and
    /// Fernandes (2009) for protanopia, deuteranopia and tritanopia.
    const VISIONS: [[Linear; 3]; 3] = [
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
        [
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_900],
        ],
    ];

    fn apart(a: Shade, b: Shade) -> f64 {
        let (a, b) = (linear(a), linear(b));
        let seen = |vision: &[Linear; 3], colour: Linear| {
            vision.map(|row| {
                let sum: f64 = row.iter().zip(colour).map(|(m, part)| m * part).sum();
                sum.clamp(0.0, 1.0).powf(1.0 / 2.2)
            })
        };
        let distances = VISIONS.iter().map(|vision| {
            let (a, b) = (seen(vision, a), seen(vision, b));
            a.iter()
                .zip(b)
                .map(|(a, b)| (a - b).powi(2))
                .sum::<f64>()
                .sqrt()
        });
        distances.fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn the_colour_blind_theme_keeps_states_apart_and_the_dark_one_would_not() {
        let least = |palette: &Palette| {
            let states = [palette.ok, palette.warning, palette.critical];
            let [ok, warning, critical] = states;
            [(ok, warning), (ok, critical), (warning, critical)]
                .map(|(a, b)| apart(a, b))
                .into_iter()
                .fold(f64::INFINITY, f64::min)
        };
        let (safe, usual) = (least(&COLOUR_BLIND), least(&DARK));
        assert!(safe > 0.3, "{safe}");
        assert!(usual < 0.3, "{usual}");
    }

    #[test]
    fn curves_never_look_like_states() {
        for palette in [DARK, LIGHT, HIGH_CONTRAST, COLOUR_BLIND] {
            for depth in [Depth::Indexed, Depth::True] {
                for curve in palette.curves {
                    for state in [palette.ok, palette.warning, palette.critical] {
                        assert_ne!(curve.at(depth), state.at(depth));
                    }
                }
            }
        }
    }

    #[test]
    fn colours_of_the_256_are_themselves() {
        for (rgb, index) in [
            ((0, 0, 0), 16),
            ((255, 255, 255), 231),
            ((95, 215, 255), 81),
            ((8, 8, 8), 232),
            ((94, 214, 250), 81),
        ] {
            assert_eq!(indexed(rgb), index, "{rgb:?}");
        }
        assert_eq!(DARK.ok.at(Depth::Indexed), Color::Indexed(78));
        assert_eq!(DARK.ok.at(Depth::True), Color::Rgb(0x5f, 0xd7, 0x87));
        assert_eq!(DARK.ok.at(Depth::Sixteen), Color::Green);
    }
}
