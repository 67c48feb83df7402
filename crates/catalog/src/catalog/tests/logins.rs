use anymq_auth::scram::{ITERATIONS, ScramCredential, ScramCredentials, ScramMechanism, ScramSecret};

use super::*;

fn with_scram(name: &str, iterations: i32) -> User {
    let mut user = user(name);
    let credential = ScramCredential::of_salted(ScramMechanism::Sha256, b"salted", b"salt", iterations);
    user.scram.set(ScramMechanism::Sha256, Some(credential.unwrap()));
    user
}

#[test]
fn credentials_last_and_the_secret_is_given_once() {
    let mut catalog = catalog();
    let mut journal: Vec<Change> = Catalog::initial_changes();
    for change in [
        Change::ScramSecretPut(ScramSecret::new([1; 32])),
        Change::UserPut(with_scram("alice", 4096)),
        Change::ScramSecretPut(ScramSecret::new([2; 32])),
    ] {
        journal.extend(commit(&mut catalog, change).into_iter().map(|step| step.change));
    }
    assert_eq!(catalog.scram_secret(), Some(&ScramSecret::new([1; 32])));
    let again = recovered(&journal);
    assert_eq!(durable_state(&again), durable_state(&catalog));
    let snapshot: Vec<Change> = catalog.snapshot().collect();
    assert_eq!(durable_state(&recovered(&snapshot)), durable_state(&catalog));
    assert!(snapshot.iter().all(|change| !format!("{change:?}").contains("salted")));
}

#[test]
fn strangers_have_as_many_iterations_as_most() {
    let mut catalog = catalog();
    let said = |catalog: &Catalog| catalog.scram_iterations(ScramMechanism::Sha256);
    assert_eq!(said(&catalog), ITERATIONS);
    for (name, iterations) in [("a", 4096), ("b", 4096), ("c", 9000)] {
        commit(&mut catalog, Change::UserPut(with_scram(name, iterations)));
    }
    assert_eq!(said(&catalog), 4096);
    assert_eq!(catalog.scram_iterations(ScramMechanism::Sha512), ITERATIONS);
    commit(&mut catalog, Change::UserPut(with_scram("a", 9000)));
    assert_eq!(said(&catalog), 9000);
    for name in ["a", "b", "c"] {
        commit(&mut catalog, Change::UserDelete { name: name.into() });
    }
    assert_eq!(said(&catalog), ITERATIONS);
}

/// A user of a journal that knows nothing of them.
#[test]
fn users_of_older_versions_have_none() {
    let json = serde_json::to_value(Change::UserPut(user("old"))).unwrap();
    assert!(json["user_put"].get("scram").is_none());
    let Change::UserPut(read) = serde_json::from_value(json).unwrap() else { panic!("another change") };
    assert_eq!(read.scram, ScramCredentials::default());
}
