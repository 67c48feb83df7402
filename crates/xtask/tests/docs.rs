//! The generated pages of docs/ are what the code says today. `cargo xtask docs` writes them again.

use expect_test::expect_file;

#[test]
fn the_amqp_compatibility_page_is_fresh() {
    expect_file!["../../../docs/protocols/amqp.md"]
        .assert_eq(&anymq_amqp::handlers::compatibility_markdown());
}

#[test]
fn the_configuration_page_is_fresh() {
    expect_file!["../../../docs/configuration.md"].assert_eq(&anymq_server::config::reference());
}

#[test]
fn the_kafka_compatibility_page_is_fresh() {
    expect_file!["../../../docs/protocols/kafka.md"]
        .assert_eq(&anymq_kafka::handlers::compatibility_markdown());
}
