//! Access tokens, key sets and scopes: text that a client or a key server wrote.

use anymq_auth::oauth2::{Config, Grant, Key, TokenVerifier, Wildcard, parse_jwks};

/// Tokens and key sets: nothing is signed here, so nothing may be let in.
pub fn tokens(data: &[u8]) {
    let config = Config {
        enabled: true,
        algorithms: ["RS256", "ES256", "EdDSA", "HS256"].map(str::to_owned).into(),
        verify_aud: false,
        ..Config::default()
    };
    let verifier = TokenVerifier::new(&config).expect("algorithms that there are");
    let secret = Key::from_secret(&[0x5a; 32]).expect("a secret of enough bytes");
    verifier.set_keys([("k".to_owned(), secret)].into());
    if let Ok(keys) = parse_jwks(data) {
        assert!(!keys.is_empty());
        verifier.set_fetched(keys);
    }
    assert!(verifier.verify(data, 1).is_err(), "a token that nobody signed was let in");
    let _ = verifier.is_token(data);
}

pub fn token_seeds() -> Vec<Vec<u8>> {
    // {"alg":"HS256","kid":"k"} . {"sub":"a","scope":"rabbitmq.read:*/*"} . a signature with another secret
    let token = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsifQ.eyJzdWIiOiJhIiwic2NvcGUiOiJyYWJiaXRtcS5yZWFkOiovKiJ9.\
                 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.";
    let set = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"e","use":"sig","alg":"ES256",
        "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
        {"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"OKP","crv":"Ed25519","x":"AA"},{"kty":"oct","k":"AA"},{}]}"#;
    [token, unsigned, set, "a.b.c", ""].map(|text| text.as_bytes().to_vec()).into()
}

/// A line with a scope, and one with a name: it matches as the plain way to look at stars says.
pub fn scopes(data: &[u8]) {
    let (scope, name) = match data.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, &b""[..]),
    };
    let Ok(scope) = std::str::from_utf8(scope) else { return };
    if let Some(grant) = Grant::parse(scope) {
        let parts = scope.split_once(':').expect("a scope that was read has an action").1;
        let mut parts = parts.split('/');
        let mut next = || parts.next().expect("a scope that was read has two parts or three");
        agree(&grant.vhost, next(), name);
        agree(&grant.name, next(), name);
        if let Some(key) = &grant.key {
            agree(key, next(), name);
        }
    }
}

/// Compares with a matcher that keeps every place a subject may be at. Text with escapes is for [`Wildcard`]'s own tests.
fn agree(wildcard: &Wildcard, pattern: &str, name: &[u8]) {
    if pattern.contains(['%', '+']) {
        let _ = wildcard.matches(name);
        return;
    }
    let mut at = vec![false; name.len() + 1];
    at[0] = true;
    for byte in pattern.bytes() {
        if byte == b'*' {
            let first = at.iter().position(|reached| *reached).unwrap_or(at.len());
            at[first..].fill(true);
        } else {
            for place in (0..=name.len()).rev() {
                at[place] = place > 0 && at[place - 1] && name[place - 1] == byte;
            }
        }
    }
    assert_eq!(wildcard.matches(name), at[name.len()], "{pattern:?} on {name:?}");
}

pub fn scope_seeds() -> Vec<Vec<u8>> {
    [
        "read:*/*\nq",
        "write:%2F/a*b*/k.*\nabb",
        "configure:a/b/c/d",
        "read:%/x",
        "tag:administrator",
        "read:**a*/+\nxaxa",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}
