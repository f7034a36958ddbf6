use std::time::Instant;

use super::*;

/// A server that answers each chunk with itself.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut buffer) {
                    if stream.write_all(&buffer[..length]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn connect(proxy: &FaultProxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.address()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    stream
}

fn exchange(stream: &mut TcpStream, text: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(text)?;
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

#[test]
fn without_a_fault_bytes_pass_both_ways_and_connections_are_counted() {
    let proxy = FaultProxy::start(echo()).unwrap();
    let mut first = connect(&proxy);
    assert_eq!(exchange(&mut first, b"hello").unwrap(), b"hello");
    assert_eq!(exchange(&mut first, b"again").unwrap(), b"again");
    assert_eq!(exchange(&mut connect(&proxy), b"other").unwrap(), b"other");
    assert_eq!(proxy.connections(), 2);
}

#[test]
fn the_end_of_one_direction_passes() {
    let proxy = FaultProxy::start(echo()).unwrap();
    let mut stream = connect(&proxy);
    stream.write_all(b"last words").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    assert_eq!(all, b"last words");
}

#[test]
fn refused_connections_are_refused_open_ones_reset_and_the_port_comes_back() {
    let proxy = FaultProxy::start(echo()).unwrap();
    let mut open = connect(&proxy);
    exchange(&mut open, b"before").unwrap();
    proxy.set(Fault::Refuse).unwrap();
    let refused = TcpStream::connect(proxy.address()).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    let broken = exchange(&mut open, b"after").unwrap_err();
    assert!(
        matches!(
            broken.kind(),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
        ),
        "{broken:?}"
    );
    proxy.set(Fault::None).unwrap();
    assert_eq!(
        exchange(&mut connect(&proxy), b"healed").unwrap(),
        b"healed"
    );
}

#[test]
fn a_hanging_network_takes_connections_and_passes_nothing_until_it_heals() {
    let proxy = FaultProxy::start(echo()).unwrap();
    let mut open = connect(&proxy);
    exchange(&mut open, b"before").unwrap();
    proxy.set(Fault::Hang).unwrap();
    let mut new = connect(&proxy);
    for stream in [&mut open, &mut new] {
        stream
            .set_read_timeout(Some(Duration::from_millis(150)))
            .unwrap();
        let silent = exchange(stream, b"anyone?").unwrap_err();
        assert!(is_tick(&silent), "{silent:?}");
    }
    proxy.set(Fault::None).unwrap();
    for stream in [&mut open, &mut new] {
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        let mut late = [0; 7];
        stream.read_exact(&mut late).unwrap();
        assert_eq!(&late, b"anyone?");
    }
}

#[test]
fn a_response_is_reset_after_exactly_so_many_bytes() {
    let proxy = FaultProxy::start(echo()).unwrap();
    proxy
        .set(Fault::ResetAfter(Direction::Response, 1000))
        .unwrap();
    let mut stream = connect(&proxy);
    assert_eq!(exchange(&mut stream, &[1; 600]).unwrap(), [1; 600]);
    stream.write_all(&[2; 600]).unwrap();
    let mut rest = Vec::new();
    let reset = stream.read_to_end(&mut rest).unwrap_err();
    assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(rest, [2; 400]);
}

#[test]
fn a_request_is_reset_in_its_middle() {
    let proxy = FaultProxy::start(echo()).unwrap();
    proxy
        .set(Fault::ResetAfter(Direction::Request, 10))
        .unwrap();
    let mut stream = connect(&proxy);
    let broken = exchange(&mut stream, &[7; 4000]).unwrap_err();
    assert_eq!(broken.kind(), io::ErrorKind::ConnectionReset, "{broken:?}");
}

#[test]
fn a_delay_is_met_on_the_way_there_and_back() {
    let proxy = FaultProxy::start(echo()).unwrap();
    let mut stream = connect(&proxy);
    exchange(&mut stream, b"quick").unwrap();
    proxy.set(Fault::Delay(Duration::from_millis(60))).unwrap();
    let start = Instant::now();
    assert_eq!(exchange(&mut stream, b"slow").unwrap(), b"slow");
    assert!(
        start.elapsed() >= Duration::from_millis(120),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_server_that_is_gone_is_seen_as_a_reset() {
    let proxy = FaultProxy::start(gone()).unwrap();
    let broken = exchange(&mut connect(&proxy), b"hello").unwrap_err();
    assert_eq!(broken.kind(), io::ErrorKind::ConnectionReset, "{broken:?}");
}

/// Where nobody listens any more.
fn gone() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}

#[test]
fn several_servers_are_connected_to_in_turn() {
    let servers = [echo(), echo(), echo()];
    let proxy = FaultProxy::balance(&servers).unwrap();
    for _ in 0..6 {
        assert_eq!(exchange(&mut connect(&proxy), b"hello").unwrap(), b"hello");
    }
    assert_eq!(servers.map(|server| proxy.connections_to(server)), [2; 3]);
}

#[test]
fn a_server_that_refuses_is_passed_over_unseen_by_clients() {
    let (well, gone) = (echo(), gone());
    let proxy = FaultProxy::balance(&[gone, well]).unwrap();
    for _ in 0..4 {
        assert_eq!(exchange(&mut connect(&proxy), b"hello").unwrap(), b"hello");
    }
    assert_eq!(proxy.connections_to(well), 4);
    assert_eq!(proxy.connections_to(gone), 0);
}

#[test]
fn without_any_server_that_takes_a_connection_it_is_reset() {
    let proxy = FaultProxy::balance(&[gone(), gone()]).unwrap();
    let broken = exchange(&mut connect(&proxy), b"hello").unwrap_err();
    assert_eq!(broken.kind(), io::ErrorKind::ConnectionReset, "{broken:?}");
    FaultProxy::balance(&[]).unwrap_err();
}
