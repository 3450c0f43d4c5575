//! When a certificate ends: read from its DER, so that an expired one is named before the server's plain refusal.
//!
//! Own on purpose: it is one field at a fixed place, and no parser of certificates is among what this program is built
//! of. Whatever it cannot read is none, and the TLS stack says the rest.

use jiff::Timestamp;
use jiff::civil::DateTime;

/// The `notAfter` of the first certificate in a PEM text; none where it cannot be read.
pub(super) fn expiry(pem: &[u8]) -> Option<Timestamp> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let der = CertificateDer::from_pem_slice(pem).ok()?;
    not_after(&der)
}

/// Certificate → tbsCertificate → [version], serialNumber, signature, issuer, validity → notAfter (RFC 5280).
fn not_after(der: &[u8]) -> Option<Timestamp> {
    const CONTEXT_0: u8 = 0xa0;
    let (_, certificate, _) = element(der)?;
    let (_, tbs, _) = element(certificate)?;
    // The version is optional in DER: one of 1 is left out.
    let (tag, _, after_version) = element(tbs)?;
    let rest = if tag == CONTEXT_0 { after_version } else { tbs };

    let (_, _, rest) = element(rest)?; // serialNumber
    let (_, _, rest) = element(rest)?; // signature
    let (_, _, rest) = element(rest)?; // issuer

    let (_, validity, _) = element(rest)?;
    let (_, _, rest) = element(validity)?; // notBefore
    let (tag, text, _) = element(rest)?;
    time(tag, std::str::from_utf8(text).ok()?)
}

/// The first element of a DER sequence: its tag, its content and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    // Short form: the length itself. Long form: how many bytes it has.
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        // Checked, for a length that no file has must not wrap around to one that fits.
        let wide = digits.iter().try_fold(0usize, |sum, digit| {
            sum.checked_mul(256)?.checked_add((*digit).into())
        })?;
        (wide, rest)
    };

    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// UTCTime `YYMMDDHHMMSSZ` (years 1950 to 2049) or GeneralizedTime `YYYYMMDDHHMMSSZ`.
fn time(tag: u8, text: &str) -> Option<Timestamp> {
    const UTC_TIME: u8 = 0x17;
    let full = match tag {
        UTC_TIME if text.get(..2)? < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        _ => text.to_owned(),
    };

    let civil = DateTime::strptime("%Y%m%d%H%M%SZ", &full).ok()?;
    Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_read_from_it() {
        let mut parameters = rcgen::CertificateParams::new(vec!["test".into()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(2031, 5, 17);
        let key = rcgen::KeyPair::generate().unwrap();
        let pem = parameters.self_signed(&key).unwrap().pem();

        assert_eq!(
            expiry(pem.as_bytes()),
            Some("2031-05-17T00:00:00Z".parse().unwrap())
        );
    }

    #[test]
    fn a_year_from_2050_on_is_read_too() {
        let mut parameters = rcgen::CertificateParams::new(vec!["test".into()]).unwrap();
        // From 2050 on RFC 5280 wants the other of the two forms of a time.
        parameters.not_after = rcgen::date_time_ymd(2126, 2, 8);
        let key = rcgen::KeyPair::generate().unwrap();
        let pem = parameters.self_signed(&key).unwrap().pem();

        assert_eq!(
            expiry(pem.as_bytes()),
            Some("2126-02-08T00:00:00Z".parse().unwrap())
        );
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        assert_eq!(expiry(b"hello"), None);
        // A length of four bytes that claims more than there is.
        assert_eq!(not_after(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
