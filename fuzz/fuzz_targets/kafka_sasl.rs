//! Runs `anymq_fuzz::bodies` on what libFuzzer makes up.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anymq_fuzz::run("kafka_sasl", data));
