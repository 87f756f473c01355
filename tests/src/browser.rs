//! A browser without a window, driven by its own protocol (Chrome DevTools) over two pipes.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::workbench::Folder;

/// How long an answer may take on a machine that has other work.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a test with a browser needs.
pub struct Tools {
    /// Chromium, or a browser of its kind.
    pub browser: PathBuf,
    /// The script of the accessibility checker axe-core.
    pub axe: PathBuf,
}

/// What `BULLA_BROWSER` and `BULLA_AXE` name, or `None` after one line that says what is skipped.
///
/// # Panics
///
/// If one is missing although `BULLA_REQUIRE` demands a browser, or names no file.
pub fn tools(test: &str) -> Option<Tools> {
    let named = |name| std::env::var_os(name).map(PathBuf::from);
    let required = std::env::var("BULLA_REQUIRE")
        .is_ok_and(|list| list.split(',').any(|need| need == "browser"));
    match (named("BULLA_BROWSER"), named("BULLA_AXE")) {
        (Some(browser), Some(axe)) => {
            for path in [&browser, &axe] {
                assert!(path.is_file(), "{} is no file", path.display());
            }
            Some(Tools { browser, axe })
        }
        _ if required => panic!(
            "a browser is required; set BULLA_BROWSER to Chromium and BULLA_AXE to axe.min.js of axe-core"
        ),
        _ => {
            eprintln!("{test}: skipped, BULLA_BROWSER and BULLA_AXE do not name both");
            None
        }
    }
}

/// Something of which a screen reader is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// What it is, by the names of WAI-ARIA: `heading`, `table`.
    pub role: String,
    /// What it is called; empty where it has no name.
    pub name: String,
    /// Of a heading: 1 for that of the page.
    pub level: Option<u64>,
}

/// One page of a browser, which ends with the test. Scripts of pages do not run in it.
pub struct Browser {
    child: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    session: Option<String>,
    calls: u64,
    loads: u64,
    /// The address of everything that was asked for.
    pub requests: Vec<String>,
    /// What the browser wrote to its console.
    pub complaints: Vec<String>,
    axe: String,
    _profile: Folder,
}

impl Browser {
    /// Starts it, with an empty profile.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start(tools: &Tools) -> Self {
        let profile = Folder::new();
        // The protocol is spoken on descriptors 3 and 4. The sandbox needs what containers lack; it
        // is our own pages that are looked at.
        let mut child = Command::new("sh")
            .args([
                "-c",
                r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#,
                "sh",
            ])
            .arg(&tools.browser)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
            ])
            .args([
                "--no-first-run",
                "--disable-background-networking",
                "--hide-scrollbars",
            ])
            .arg(format!("--user-data-dir={}", profile.text_path("profile")))
            .args(["--remote-debugging-pipe", "about:blank"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh runs");
        let input = child.stdin.take().expect("a pipe");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for message in output.split(0) {
                let Ok(message) = message else { break };
                let message = serde_json::from_slice(&message).expect("JSON");
                // Nobody listens once the test is over.
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self {
            child,
            input,
            messages,
            session: None,
            calls: 0,
            loads: 0,
            requests: Vec::new(),
            complaints: Vec::new(),
            axe: std::fs::read_to_string(&tools.axe).expect("a script"),
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let wanted = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", wanted);
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Network", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.allow_scripts(false);
        browser
    }

    /// Calls a method of the protocol, and gives its result.
    ///
    /// # Panics
    ///
    /// If it fails, or the browser does not answer.
    #[track_caller]
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.calls += 1;
        let mut message = json!({ "id": self.calls, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        let message = format!("{message}\0");
        self.input
            .write_all(message.as_bytes())
            .expect("it takes it");
        loop {
            let message = self.receive();
            if message["id"] == self.calls {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }

    /// The next message; of what happened meanwhile note is taken.
    #[track_caller]
    fn receive(&mut self) -> Value {
        let message = self.messages.recv_timeout(PATIENCE).expect("an answer");
        let said = &message["params"];
        match message["method"].as_str().unwrap_or_default() {
            "Page.loadEventFired" => self.loads += 1,
            "Network.requestWillBeSent" => {
                let address = said["request"]["url"].as_str().expect("an address");
                self.requests.push(address.to_owned());
            }
            "Log.entryAdded" | "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" => {
                self.complaints.push(said.to_string());
            }
            _ => {}
        }
        message
    }

    /// Does something that leads to another page, and waits for that.
    #[track_caller]
    pub fn lead(&mut self, act: impl FnOnce(&mut Self)) {
        let before = self.loads;
        act(self);
        while self.loads == before {
            self.receive();
        }
    }

    /// Opens a page.
    #[track_caller]
    pub fn open(&mut self, address: &str) {
        self.lead(|browser| {
            browser.call("Page.navigate", json!({ "url": address }));
        });
    }

    /// Presses a key: `Tab`, `Enter`.
    pub fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            other => panic!("{other}"),
        };
        let down = json!({
            "type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text,
        });
        self.call("Input.dispatchKeyEvent", down);
        let up = json!({
            "type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code,
        });
        self.call("Input.dispatchKeyEvent", up);
    }

    /// Goes on by `Tab` until what has the focus is called this, by its text or its name. Whatever has
    /// the focus on the way must show it.
    ///
    /// # Panics
    ///
    /// If nothing of the name is reached.
    #[track_caller]
    pub fn tab_to(&mut self, name: &str) {
        let mut met = Vec::new();
        for _ in 0..60 {
            self.press("Tab");
            let found = self.evaluate(
                "(() => { const it = document.activeElement; \
                 return [it.ariaLabel || it.name || it.textContent.trim(), \
                 getComputedStyle(it).outlineStyle]; })()",
            );
            assert_ne!(found[1], "none", "nobody sees that {found} has the focus");
            if found[0] == name {
                return;
            }
            met.push(found[0].clone());
        }
        panic!("{name} is not reached: {met:?}");
    }

    /// The value of an expression in the page.
    #[track_caller]
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let wanted = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true,
        });
        let result = self.call("Runtime.evaluate", wanted);
        assert!(result["exceptionDetails"].is_null(), "{result}");
        result["result"]["value"].clone()
    }

    /// The text of the page's heading.
    #[track_caller]
    pub fn heading(&mut self) -> String {
        let text = self.evaluate("document.querySelector('h1').textContent");
        text.as_str().expect("text").to_owned()
    }

    /// Asks for light or dark pages of a width and height, in CSS pixels.
    pub fn look(&mut self, scheme: &str, width: u32, height: u32) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call(
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        );
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
        });
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    /// What axe-core finds wrong with the page, by the rules of WCAG up to 2.2 AA and its own advice:
    /// the rule and the elements.
    #[track_caller]
    pub fn violations(&mut self) -> Vec<String> {
        self.allow_scripts(true);
        let script = std::mem::take(&mut self.axe);
        self.evaluate(&format!("{script}; 0"));
        self.axe = script;
        let found = self.evaluate(
            "axe.run(document, { preload: false }).then(results => { \
             if (results.passes.length < 10) throw new Error('hardly anything was looked at'); \
             return results.violations.map(one => one.id + ': ' + \
             one.nodes.map(node => node.html + ' ' + node.failureSummary).join('; ')); })",
        );
        self.allow_scripts(false);
        let found = found.as_array().expect("a list").iter();
        found.map(ToString::to_string).collect()
    }

    /// What a screen reader is given of the page, in the order in which it reads.
    #[track_caller]
    pub fn heard(&mut self) -> Vec<Heard> {
        let tree = self.call("Accessibility.getFullAXTree", json!({}));
        let nodes = tree["nodes"].as_array().expect("a list");
        let of = |id: &Value| nodes.iter().find(|node| node["nodeId"] == *id);
        let mut open: Vec<&Value> = nodes.first().into_iter().collect();
        let mut heard = Vec::new();
        while let Some(node) = open.pop() {
            let children = node["childIds"].as_array().into_iter().flatten();
            open.extend(children.rev().filter_map(of));
            if node["ignored"] == false {
                let text = |field: &str| node[field]["value"].as_str().unwrap_or_default();
                let properties = node["properties"].as_array().into_iter().flatten();
                let level = properties
                    .filter(|property| property["name"] == "level")
                    .find_map(|property| property["value"]["value"].as_u64());
                heard.push(Heard {
                    role: text("role").to_owned(),
                    name: text("name").to_owned(),
                    level,
                });
            }
        }
        heard
    }

    fn allow_scripts(&mut self, allow: bool) {
        self.call(
            "Emulation.setScriptExecutionDisabled",
            json!({ "value": !allow }),
        );
    }

    /// A picture of what is to be seen, as PNG.
    pub fn picture(&mut self) -> Vec<u8> {
        use base64::Engine as _;
        let taken = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        let text = taken["data"].as_str().expect("text");
        base64::engine::general_purpose::STANDARD
            .decode(text)
            .expect("base64")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // One that has ended already cannot be ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
