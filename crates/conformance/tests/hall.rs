//! Every promise, kept by the hall itself.

anymq_conformance::every_promise!(anymq_conformance::Hall::default());
