//! Which token is good, and what is sent for the next one.

use super::*;

fn grant() -> TokenGrant {
    TokenGrant {
        url: url::Url::parse("https://login.example/token").expect("a URL"),
        client_id: Secret::new("c:id"),
        client_secret: Some(Secret::new("s cret")),
        client_auth: ClientAuth::Body,
        grant: Grant::ClientCredentials,
        data: vec![],
        headers: vec![],
        default_expiration: Duration::from_secs(3_600),
    }
}

fn slot(grant: TokenGrant) -> Arc<Slot> {
    Tokens::default().slot(&Arc::new(grant))
}

fn answer(body: &'static str) -> TokenAnswer {
    TokenAnswer::read(&Bytes::from_static(body.as_bytes())).expect("JSON")
}

fn settle(slot: &Slot, asked: Instant, body: &'static str) -> Result<Token, ClientError> {
    slot.settle(asked, SafeUrl::new(&slot.grant.url, &[]), Ok(Some(answer(body))))
}

fn form(slot: &Slot) -> Vec<String> {
    slot.request(SystemTime::now())
        .expect("it is made")
        .secret_form
        .iter()
        .map(|(name, value)| format!("{name}={}", value.expose()))
        .collect()
}

#[test]
fn a_token_is_good_until_shortly_before_it_expires() {
    let table = [
        (r#"{"access_token": "t"}"#, 3_570_000),
        (r#"{"access_token": "t", "expires_in": 100}"#, 90_000),
        (r#"{"access_token": "t", "expires_in": "100"}"#, 90_000),
        (r#"{"access_token": "t", "expires_in": 0.01}"#, 9),
        (r#"{"access_token": "t", "expires_in": null}"#, 3_570_000),
        (r#"{"access_token": "t", "expires_in": -5}"#, 0),
    ];
    for (body, good_ms) in table {
        let (slot, asked) = (slot(grant()), Instant::now());
        settle(&slot, asked, body).expect("a token");
        let good = |ms| slot.token(asked + Duration::from_millis(ms)).is_some();
        assert!(!good(good_ms) && (good_ms == 0 || good(good_ms - 1)), "{body}");
    }
    let (slot, asked) = (slot(grant()), Instant::now());
    settle(&slot, asked, r#"{"access_token": "t", "expires_in": 1e300}"#).expect("a token");
    assert!(slot.token(asked + Duration::from_secs(1 << 40)).is_some());
}

#[test]
fn only_the_token_in_use_is_given_up() {
    let (slot, now) = (slot(grant()), Instant::now());
    let first = settle(&slot, now, r#"{"access_token": "1"}"#).expect("a token");
    assert!(slot.refuse(&first) && slot.token(now).is_none() && !slot.refuse(&first));
    let second = settle(&slot, now, r#"{"access_token": "2"}"#).expect("a token");
    assert!(!slot.refuse(&first) && slot.token(now).is_some() && slot.refuse(&second));
}

#[test]
fn a_failure_is_told_to_those_who_waited() {
    let (slot, now) = (slot(grant()), Instant::now());
    for body in ["{}", "[]", r#"{"access_token": ""}"#, r#"{"access_token": "canary\n"}"#, r#"{"access_token": null}"#]
    {
        let rounds = slot.rounds();
        let error = settle(&slot, now, body).expect_err("no token").to_string();
        let expected = "`https://login.example/token` gave no access token: answered without a usable `access_token`";
        assert_eq!(error, expected);
        assert_eq!(slot.failure_after(rounds).map(|error| error.to_string()), Some(error));
        assert!(slot.failure_after(slot.rounds()).is_none());
    }
    let rounds = slot.rounds();
    settle(&slot, now, r#"{"access_token": "t"}"#).expect("a token");
    assert!(slot.failure_after(rounds).is_none());
}

#[test]
fn the_form_is_dlts_and_may_be_changed() {
    assert_eq!(form(&slot(grant())), ["client_id=c:id", "client_secret=s cret", "grant_type=client_credentials"]);
    let data = vec![("scope".into(), Secret::new("a")), ("grant_type".into(), Secret::new("other"))];
    let changed = slot(TokenGrant { data, ..grant() });
    assert_eq!(form(&changed), ["client_id=c:id", "client_secret=s cret", "scope=a", "grant_type=other"]);
    let basic = slot(TokenGrant { client_auth: ClientAuth::Basic, ..grant() });
    assert_eq!(form(&basic), ["grant_type=client_credentials"]);
    let auth = Auth::Basic { username: Secret::new("c%3Aid"), password: Secret::new("s+cret") };
    assert_eq!(basic.request(SystemTime::now()).expect("it is made").auth, Some(auth));
}

#[test]
fn a_new_refresh_token_takes_the_place_of_the_old_one() {
    let first = Grant::RefreshToken(Secret::new("r1"));
    let slot = slot(TokenGrant { grant: first, client_secret: None, ..grant() });
    assert_eq!(form(&slot), ["client_id=c:id", "grant_type=refresh_token", "refresh_token=r1"]);
    settle(&slot, Instant::now(), r#"{"access_token": "t", "refresh_token": "r2"}"#).expect("a token");
    assert_eq!(form(&slot)[2], "refresh_token=r2");
    settle(&slot, Instant::now(), r#"{"access_token": "t"}"#).expect("a token");
    assert_eq!(form(&slot)[2], "refresh_token=r2");
}

#[test]
fn equal_grants_share_a_token() {
    let tokens = Tokens::default();
    let slots = [tokens.slot(&Arc::new(grant())), tokens.slot(&Arc::new(grant()))];
    assert!(Arc::ptr_eq(&slots[0], &slots[1]));
    let other = TokenGrant { data: vec![("scope".into(), Secret::new("b"))], ..grant() };
    assert!(!Arc::ptr_eq(&slots[0], &tokens.slot(&Arc::new(other))));
}
