//! `keys rotate`, alone and beside another.

use insta::assert_snapshot;

use crate::desk::Desk;

#[test]
fn a_rotation_leaves_the_old_pair_to_unwrap() {
    let desk = Desk::set_up();
    assert_snapshot!(desk.type_in(&["keys list", "keys rotate", "keys list"]), @"
    $ crypt-keeper keys list
    SERIAL  STATE  SCOPE  ALGORITHM  CREATED  DEACTIVATED
    [serial]  active  partition:0:[month]  CK-HPKE-XWING  [time]  -
    $ crypt-keeper keys rotate
    Key pair [serial] wraps the keys of new documents from now on.
    Key pair [serial] only unwraps from now on; documents under it stay readable.
    $ crypt-keeper keys list
    SERIAL  STATE  SCOPE  ALGORITHM  CREATED  DEACTIVATED
    [serial]  deactivated  partition:0:[month]  CK-HPKE-XWING  [time]  [time]
    [serial]  active  partition:0:[month]  CK-HPKE-XWING  [time]  -
    ");
    let before = desk.run(&["keys", "list", "--json"]).json();
    let rotation = desk.run(&["keys", "rotate", "--json"]).json().remove(0);
    assert_eq!(rotation["deactivated"]["serial"], before[1]["serial"]);
    assert_eq!(rotation["deactivated"]["state"], "deactivated");
    assert_eq!(rotation["active"]["state"], "active");
    let after = desk.run(&["keys", "list", "--json"]).json();
    assert_eq!(after.len(), 3);
    assert_eq!(after[2], rotation["active"]);
    for pair in after {
        let serial = pair["serial"].as_str().expect("a serial is text");
        assert!(
            serial.parse::<u64>().is_ok_and(|number| number >> 63 == 0),
            "{serial}"
        );
    }
}

#[test]
fn nothing_is_rotated_under_a_master_key_that_opens_nothing() {
    let desk = Desk::set_up();
    std::fs::remove_file(desk.data("master.key")).unwrap();
    let path = desk.data("master.key");
    assert_eq!(
        desk.run(&["master-key", "new", path.to_str().unwrap()])
            .code,
        0
    );
    let ran = desk.run(&["keys", "rotate"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(
        ran.stderr.contains("no private half opens"),
        "{}",
        ran.stderr
    );
    assert_eq!(desk.run(&["keys", "list", "--json"]).json().len(), 1);
}

/// Until both ends were seen: one rotates, and the other says that it did not.
pub(crate) fn of_two_rotators_one_wins(desk: &Desk) {
    let mut refused = 0;
    for _ in 0..20 {
        // A pair of RSA takes long to make: both have looked before one is done.
        let algorithm = "keys.algorithm=CK-RSA-OAEP-256";
        let rans = desk.run_twice_at_once(&["keys", "rotate", "--set", algorithm]);
        let won = rans.iter().filter(|ran| ran.code == 0).count();
        assert!(won > 0, "{} {}", rans[0].stderr, rans[1].stderr);
        for ran in rans.iter().filter(|ran| ran.code != 0) {
            assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
            assert_eq!(
                ran.stderr,
                "crypt-keeper: somebody else rotated at the same time, and that pair is active: \
                 see `crypt-keeper keys list`\n"
            );
            refused += 1;
        }
        let pairs = desk.run(&["keys", "list", "--json"]).json();
        let active = pairs
            .iter()
            .filter(|pair| pair["state"] == "active" && pair["algorithm"] == "CK-RSA-OAEP-256");
        assert_eq!(active.count(), 1);
        let destroyed = pairs.iter().filter(|pair| pair["state"] == "destroyed");
        assert_eq!(
            destroyed.count(),
            refused,
            "what was not needed is done away with"
        );
        if refused > 0 {
            return;
        }
    }
    panic!("no two rotations met");
}

#[test]
fn of_two_rotators_at_once_one_wins_and_the_other_says_so() {
    of_two_rotators_one_wins(&Desk::set_up());
}
