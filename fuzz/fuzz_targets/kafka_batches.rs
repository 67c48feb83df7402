//! Runs `anymq_fuzz::batch` on what libFuzzer makes up.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anymq_fuzz::run("kafka_batches", data));
