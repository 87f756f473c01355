//! Requests to the vendor's cache: whatever is read is written and read the same, and no refusal
//! breaks out of its headers.

#![no_main]

use bulla_protocol::pccs::{Access, JsonObject, Refusal, Request, Route, RouteRules, Version};
use bulla_protocol::wire::{Headers, RequestParts, Status};
use libfuzzer_sys::fuzz_target;

// A method, a path, a query and a body, each on a line of its own; the body has all that follows.
fuzz_target!(|text: &[u8]| {
    let mut lines = text.splitn(4, |byte| *byte == b'\n');
    let mut line = || String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let (method, path, query) = (line(), line(), line());
    let parts = RequestParts {
        method,
        path,
        query,
        headers: Headers::new().with("Content-Type", "application/json"),
        body: lines.next().unwrap_or_default().to_vec(),
    };
    for rules in [
        RouteRules::default(),
        RouteRules::default().refresh_by_get(true),
    ] {
        match read(&parts, rules) {
            Ok((route, request)) => check(route, &request),
            Err(refusal) => check_refusal(refusal),
        }
    }
});

fn read(parts: &RequestParts, rules: RouteRules) -> Result<(Route, Request<'_>), Refusal> {
    let route = Route::read(&parts.method, &parts.path, rules)?;
    let content_type = parts.headers.find("Content-Type");
    let request = route.request(&parts.query, content_type, &parts.body)?;
    Ok((route, request))
}

fn check(route: Route, request: &Request<'_>) {
    assert_eq!(request.operation(), route.operation);
    let changes = route.operation.has_body() || matches!(request, Request::Refresh(_));
    let drains = matches!(request, Request::Platforms(_));
    let protected = route.access() != Access::Anybody;
    assert_eq!(protected, changes || drains);
    assert!(!(protected && route.head));

    let written = request.write(route.version);
    let (again, read) = read(&written, RouteRules::default()).expect("what was written is read");
    assert_eq!(
        (again.version, again.operation),
        (route.version, route.operation)
    );
    assert_eq!(&read, request);

    if let Request::PutCollateral(collateral) = request {
        for info in &collateral.tcb_infos {
            let text = info.document.as_str();
            assert_eq!(JsonObject::new(text).as_ref(), Ok(&info.document));
            assert_eq!(info.document.clone().compact(), info.document);
        }
        if route.version == Version::V3 {
            assert!(!String::from_utf8_lossy(&written.body).contains("tdx_tcbinfo\":"));
        }
    }
}

fn check_refusal(refusal: Refusal) {
    let parts = refusal.write();
    assert!(parts.status >= Status::BAD_REQUEST);
    assert!(parts.headers.find("Error-Code").is_some());
    for (_, value) in parts.headers.iter() {
        assert!(value.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        assert!(value.len() < 1_024);
    }
}
