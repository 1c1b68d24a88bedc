//! A real Chromium, driven by `chromedriver` (W3C `WebDriver`).

use std::io::Write;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::process::Stdio;
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::{Client, ClientBuilder, Locator};
use futures::FutureExt;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, MutexGuard};

use crate::TestResult;

/// How long anything that was asked for may take to be seen.
const PATIENCE: Duration = Duration::from_mins(1);

/// One browser at a time is heavy enough.
static TURN: Mutex<()> = Mutex::const_new(());

/// How the browser is to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) width_px: u32,
    pub(crate) languages: &'static str,
    pub(crate) dark: bool,
    pub(crate) scripts: bool,
}

/// A telephone, in English.
pub(crate) const PHONE: Settings = Settings {
    width_px: 360,
    languages: "en",
    dark: false,
    scripts: true,
};

/// A browser with one window.
pub(crate) struct Browser {
    client: Client,
    _driver: Child,
    _turn: MutexGuard<'static, ()>,
}

/// Runs `test` in a browser of its own, which ends with it. Says so where there is none.
pub(crate) async fn in_browser(
    settings: Settings,
    test: impl AsyncFnOnce(&Browser) -> TestResult,
) -> TestResult {
    let turn = TURN.lock().await;
    let Some((driver, port)) = start_driver().await? else {
        // Tests that pass have what they print held back; this has to be seen.
        writeln!(
            std::io::stderr(),
            "SKIPPED: nothing was tested in a browser, for there is no chromedriver"
        )?;
        return Ok(());
    };
    let mut builder = ClientBuilder::new(HttpConnector::new());
    if let Value::Object(capabilities) = capabilities(settings) {
        builder.capabilities(capabilities);
    }
    let client = builder.connect(&format!("http://127.0.0.1:{port}")).await?;
    let browser = Browser {
        client: client.clone(),
        _driver: driver,
        _turn: turn,
    };
    let outcome = AssertUnwindSafe(test(&browser)).catch_unwind().await;
    // Else Chromium would outlive its driver.
    client.close().await?;
    outcome.unwrap_or_else(|panic| resume_unwind(panic))
}

fn capabilities(settings: Settings) -> Value {
    let Settings {
        width_px,
        languages,
        dark,
        scripts,
    } = settings;
    let scheme = format!("--blink-settings=preferredColorScheme={}", u8::from(!dark));
    json!({
        "browserName": "chrome",
        "goog:chromeOptions": {
            "args": ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", scheme],
            "prefs": {
                "intl.accept_languages": languages,
                "profile.managed_default_content_settings.javascript": if scripts { 1 } else { 2 },
            },
            "mobileEmulation": {
                "deviceMetrics": { "width": width_px, "height": 640, "pixelRatio": 1, "touch": false },
            },
        },
    })
}

/// Starts `chromedriver` on a free port, which it tells.
async fn start_driver() -> Result<Option<(Child, u16)>, Box<dyn std::error::Error>> {
    let driver = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let mut driver = match driver {
        Ok(driver) => driver,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let output = driver.stdout.take().ok_or("the output of chromedriver")?;
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            let port = port.trim_end_matches('.').parse()?;
            // It goes on talking, and would be stopped by a pipe that is full or closed.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(Some((driver, port)));
        }
    }
    Err("chromedriver ended before it was ready".into())
}

impl Browser {
    pub(crate) async fn open(&self, url: &str) -> TestResult {
        Ok(self.client.goto(url).await?)
    }

    /// The one element that is there, or will be.
    pub(crate) async fn find(&self, css: &str) -> Result<Element, Box<dyn std::error::Error>> {
        settled(async || {
            let wait = self.client.wait().at_most(PATIENCE);
            wait.for_element(Locator::Css(css)).await
        })
        .await
    }

    pub(crate) async fn click(&self, css: &str) -> TestResult {
        Ok(self.find(css).await?.click().await?)
    }

    pub(crate) async fn text(&self, css: &str) -> Result<String, Box<dyn std::error::Error>> {
        Ok(self.find(css).await?.text().await?)
    }

    /// Waits until the text of an element is as wanted. The page may be loaded anew meanwhile.
    pub(crate) async fn wait_for_text(&self, css: &str, wanted: &str) -> TestResult {
        let seen = async {
            loop {
                match self.text(css).await {
                    Ok(text) if text == wanted => return,
                    _ => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        if tokio::time::timeout(PATIENCE, seen).await.is_err() {
            let found = self.text("body").await?;
            return Err(format!("{css} is not {wanted:?} in: {found}").into());
        }
        Ok(())
    }

    /// The text of an element once it is not what it `was`.
    pub(crate) async fn text_after(
        &self,
        css: &str,
        was: &str,
    ) -> Result<String, Box<dyn std::error::Error>> {
        let seen = async {
            loop {
                match self.text(css).await {
                    Ok(text) if text != was => return text,
                    _ => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        Ok(tokio::time::timeout(PATIENCE, seen).await?)
    }

    /// Goes to the page before, as the button does.
    pub(crate) async fn back(&self) -> TestResult {
        Ok(self.client.back().await?)
    }

    /// Loads the page again, and sends again what was sent for it.
    pub(crate) async fn reload(&self) -> TestResult {
        Ok(self.client.refresh().await?)
    }

    /// Presses a key where the focus is.
    pub(crate) async fn press(&self, key: char) -> TestResult {
        let focused = self.client.active_element().await?;
        Ok(focused.send_keys(&key.to_string()).await?)
    }

    /// What a script returns.
    pub(crate) async fn run(&self, script: &str) -> Result<Value, Box<dyn std::error::Error>> {
        settled(async || self.client.execute(script, Vec::new()).await).await
    }

    /// What a script hands to its last argument.
    pub(crate) async fn run_async(
        &self,
        script: &str,
    ) -> Result<Value, Box<dyn std::error::Error>> {
        Ok(self.client.execute_async(script, Vec::new()).await?)
    }
}

/// Asks again when the answer was lost because the browser went to another page meanwhile, which a click
/// does not wait for on a busy machine.
async fn settled<T>(
    ask: impl AsyncFn() -> Result<T, CmdError>,
) -> Result<T, Box<dyn std::error::Error>> {
    loop {
        match ask().await {
            Err(CmdError::NotW3C(Value::String(told))) if told == "aborted by navigation" => {}
            answer => return Ok(answer?),
        }
    }
}
