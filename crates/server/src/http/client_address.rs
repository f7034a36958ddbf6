//! Which network address a request came from, behind proxies that are trusted and no others.

use std::net::IpAddr;

use actix_web::HttpRequest;
use ipnet::IpNet;

/// The address of the client: the peer's, or, if the peer is a trusted proxy, the last address of
/// `X-Forwarded-For` that is not one. What stands before that was written by the client.
pub(super) fn of(request: &HttpRequest, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    let forwarded = request
        .headers()
        .get_all("x-forwarded-for")
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    Some(behind_proxies(peer, forwarded, trusted))
}

fn behind_proxies<'a>(
    peer: IpAddr,
    forwarded: impl Iterator<Item = &'a str>,
    trusted: &[IpNet],
) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let mut nearest = peer;
    let hops: Vec<_> = forwarded.collect();
    for hop in hops.into_iter().rev() {
        if !is_trusted(&nearest) {
            break;
        }
        match parse_hop(hop) {
            Some(address) => nearest = address,
            None => break,
        }
    }
    nearest
}

/// An address, perhaps with a port, perhaps in brackets.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let address = hop
        .parse()
        .ok()
        .or_else(|| {
            hop.parse()
                .ok()
                .map(|with_port: std::net::SocketAddr| with_port.ip())
        })
        .or_else(|| hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok())?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &str, trusted: &[&str]) -> String {
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        let hops = forwarded.split(',').filter(|hop| !hop.is_empty());
        behind_proxies(peer.parse().unwrap(), hops, &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(client("192.0.2.1", "10.9.9.9", &[]), "192.0.2.1");
        assert_eq!(
            client("192.0.2.1", "10.9.9.9", &["10.0.0.0/8"]),
            "192.0.2.1"
        );
        assert_eq!(
            client("10.0.0.1", "192.0.2.7", &["10.0.0.0/8"]),
            "192.0.2.7"
        );
        assert_eq!(client("10.0.0.1", "", &["10.0.0.0/8"]), "10.0.0.1");
    }

    #[test]
    fn what_the_client_wrote_itself_is_not_believed() {
        let trusted = &["10.0.0.0/8"];
        assert_eq!(
            client("10.0.0.1", "1.1.1.1, 192.0.2.7", trusted),
            "192.0.2.7"
        );
        assert_eq!(
            client("10.0.0.1", "1.1.1.1, 192.0.2.7, 10.0.0.2", trusted),
            "192.0.2.7"
        );
        assert_eq!(client("10.0.0.1", "192.0.2.7, junk", trusted), "10.0.0.1");
    }

    #[test]
    fn ports_and_brackets_are_understood() {
        let trusted = &["::1/128"];
        assert_eq!(client("::1", "192.0.2.7:5000", trusted), "192.0.2.7");
        assert_eq!(client("::1", "[2001:db8::1]:5000", trusted), "2001:db8::1");
        assert_eq!(client("::1", "[2001:db8::1]", trusted), "2001:db8::1");
    }
}
