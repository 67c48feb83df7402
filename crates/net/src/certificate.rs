//! The three things we need of an X.509 certificate: subject, common name, expiry (RFC 5280 section 4.1).
//!
//! The chain itself is verified by rustls; this only reads names out of a certificate, bounds checked at every step.

use std::fmt::Write as _;

/// What a certificate says of its holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The subject as RFC 4514 writes it: last name first, `CN=client,O=Example`.
    pub subject: String,
    /// The subject's common name, the last one if there are several.
    pub common_name: Option<String>,
    /// Seconds since the Unix epoch after which it is no longer valid.
    pub not_after: i64,
}

/// The bytes are not a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an X.509 certificate: {0}")]
pub struct CertificateError(&'static str);

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

impl Certificate {
    /// Reads the fields out of a DER certificate. Verifies no signature.
    pub fn parse(der: &[u8]) -> Result<Certificate, CertificateError> {
        let mut outer = Der(der);
        let mut certificate = Der(outer.expect(SEQUENCE, "no outer sequence")?);
        let mut tbs = Der(certificate.expect(SEQUENCE, "no tbsCertificate")?);
        tbs.optional(VERSION)?;
        tbs.expect(INTEGER, "no serial number")?;
        tbs.expect(SEQUENCE, "no signature algorithm")?;
        tbs.expect(SEQUENCE, "no issuer")?;
        let mut validity = Der(tbs.expect(SEQUENCE, "no validity")?);
        validity.any()?;
        let (tag, not_after) = validity.any()?;
        let not_after = time(tag, not_after).ok_or(CertificateError("notAfter is no time"))?;
        let subject = tbs.expect(SEQUENCE, "no subject")?;
        let (subject, common_name) = name(subject)?;
        Ok(Certificate { subject, common_name, not_after })
    }
}

/// What is left of a run of DER elements.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// Takes the next element: its tag and content.
    fn any(&mut self) -> Result<(u8, &'a [u8]), CertificateError> {
        let short = CertificateError("ends early");
        let (&tag, rest) = self.0.split_first().ok_or(short)?;
        let (&first, rest) = rest.split_first().ok_or(short)?;
        let (len, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let octets = usize::from(first & 0x7f);
            if octets == 0 || octets > 4 || octets > rest.len() {
                return Err(CertificateError("length is malformed"));
            }
            let (length, rest) = rest.split_at(octets);
            (length.iter().fold(0usize, |n, &b| n << 8 | usize::from(b)), rest)
        };
        let (content, rest) = rest.split_at_checked(len).ok_or(short)?;
        self.0 = rest;
        Ok((tag, content))
    }

    fn expect(&mut self, tag: u8, otherwise: &'static str) -> Result<&'a [u8], CertificateError> {
        match self.any()? {
            (found, content) if found == tag => Ok(content),
            _ => Err(CertificateError(otherwise)),
        }
    }

    fn optional(&mut self, tag: u8) -> Result<(), CertificateError> {
        if self.0.first() == Some(&tag) {
            self.any()?;
        }
        Ok(())
    }
}

/// An RDNSequence as RFC 4514 text, and its common name.
fn name(rdns: &[u8]) -> Result<(String, Option<String>), CertificateError> {
    let mut parts = Vec::new();
    let mut common_name = None;
    let mut rdns = Der(rdns);
    while !rdns.0.is_empty() {
        let mut set = Der(rdns.expect(SET, "name part is no set")?);
        let mut part = String::new();
        while !set.0.is_empty() {
            let mut attribute = Der(set.expect(SEQUENCE, "name part is no sequence")?);
            let oid = attribute.expect(OID, "name part has no type")?;
            let (tag, value) = attribute.any()?;
            let value = text(tag, value)?;
            if oid == COMMON_NAME {
                common_name = Some(value.clone());
            }
            if !part.is_empty() {
                part.push('+');
            }
            push_type(oid, &mut part);
            part.push('=');
            push_escaped(&value, &mut part);
        }
        parts.push(part);
    }
    parts.reverse();
    Ok((parts.join(","), common_name))
}

/// A DirectoryString of any kind as UTF-8.
fn text(tag: u8, value: &[u8]) -> Result<String, CertificateError> {
    let malformed = CertificateError("name is not text");
    match tag {
        0x0c | 0x12 | 0x13 | 0x16 => String::from_utf8(value.to_vec()).map_err(|_| malformed),
        // T61String: read as Latin-1, as everybody does.
        0x14 => Ok(value.iter().map(|&b| char::from(b)).collect()),
        0x1e => {
            let (units, rest) = value.as_chunks::<2>();
            if !rest.is_empty() {
                return Err(malformed);
            }
            char::decode_utf16(units.iter().map(|&u| u16::from_be_bytes(u)))
                .collect::<Result<_, _>>()
                .map_err(|_| malformed)
        }
        _ => Err(malformed),
    }
}

/// Short names of RFC 4514 section 3; every other type as a dotted number.
fn push_type(oid: &[u8], out: &mut String) {
    let short = match oid {
        COMMON_NAME => "CN",
        [0x55, 0x04, 0x06] => "C",
        [0x55, 0x04, 0x07] => "L",
        [0x55, 0x04, 0x08] => "ST",
        [0x55, 0x04, 0x09] => "STREET",
        [0x55, 0x04, 0x0a] => "O",
        [0x55, 0x04, 0x0b] => "OU",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19] => "DC",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01] => "UID",
        _ => "",
    };
    if !short.is_empty() {
        return out.push_str(short);
    }
    let Some((&first, rest)) = oid.split_first() else { return };
    let top = (first / 40).min(2);
    let _ = write!(out, "{top}.{}", first - top * 40);
    let mut arc = 0u64;
    for &byte in rest {
        arc = arc.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            let _ = write!(out, ".{arc}");
            arc = 0;
        }
    }
}

/// Escapes as RFC 4514 section 2.4 asks, so that a name cannot pretend to be two.
fn push_escaped(value: &str, out: &mut String) {
    let last = value.chars().count().saturating_sub(1);
    for (i, c) in value.chars().enumerate() {
        let edge_space = c == ' ' && (i == 0 || i == last);
        let leading_hash = c == '#' && i == 0;
        if matches!(c, '"' | '+' | ',' | ';' | '<' | '>' | '\\') || edge_space || leading_hash {
            out.push('\\');
            out.push(c);
        } else if c.is_control() {
            let mut utf8 = [0; 4];
            for byte in c.encode_utf8(&mut utf8).bytes() {
                let _ = write!(out, "\\{byte:02X}");
            }
        } else {
            out.push(c);
        }
    }
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` as Unix seconds (RFC 5280 section 4.1.2.5).
fn time(tag: u8, text: &[u8]) -> Option<i64> {
    let digits = text.strip_suffix(b"Z")?;
    let number = |range: &[u8]| std::str::from_utf8(range).ok()?.parse::<i64>().ok();
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let year = number(&digits[..2])?;
            (if year >= 50 { 1900 + year } else { 2000 + year }, &digits[2..])
        }
        (GENERALIZED_TIME, 14) => (number(&digits[..4])?, &digits[4..]),
        _ => return None,
    };
    let field = |i: usize| number(&rest[i * 2..i * 2 + 2]);
    let (month, day, hour, minute, second) = (field(0)?, field(1)?, field(2)?, field(3)?, field(4)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days from civil, proleptic Gregorian calendar with years that begin in March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let day_of_year = (153 * m + 2) / 5 + day - 1;
    let days =
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_expiry_are_read() {
        let mut params = rcgen::CertificateParams::new(vec![]).expect("params");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "Acme, Inc.");
        params.distinguished_name.push(rcgen::DnType::CommonName, "wörker #1 ");
        params.not_after = rcgen::date_time_ymd(2031, 2, 28);
        let key = rcgen::KeyPair::generate().expect("key");
        let cert = params.self_signed(&key).expect("certificate");
        assert_eq!(
            Certificate::parse(cert.der()),
            Ok(Certificate {
                subject: "CN=wörker #1\\ ,O=Acme\\, Inc.".into(),
                common_name: Some("wörker #1 ".into()),
                not_after: 1_930_003_200,
            })
        );
        // Every cut of it is an error, never a panic.
        for cut in 0..cert.der().len() {
            assert!(Certificate::parse(&cert.der()[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn times() {
        let cases: [(u8, &[u8], Option<i64>); 7] = [
            (UTC_TIME, b"700101000000Z", Some(0)),
            (UTC_TIME, b"491231235959Z", Some(2_524_607_999)),
            (UTC_TIME, b"500101000000Z", Some(-631_152_000)),
            (GENERALIZED_TIME, b"20500101000000Z", Some(2_524_608_000)),
            (GENERALIZED_TIME, b"20501301000000Z", None),
            (UTC_TIME, b"7001010000Z", None),
            (UTC_TIME, b"7001010000xxZ", None),
        ];
        for (tag, text, seconds) in cases {
            assert_eq!(time(tag, text), seconds, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn unknown_types_are_dotted_numbers() {
        let mut out = String::new();
        push_type(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01], &mut out);
        assert_eq!(out, "1.2.840.113549.1.9.1");
    }
}
