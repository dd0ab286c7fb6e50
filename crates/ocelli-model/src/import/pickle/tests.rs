use super::*;

/// What Python 3.11 makes of the same list in protocols 0 to 5.
const PICKLES: [&[u8]; 6] = [
    b"(lp0\nI1\naI-2\naI300\naI70000\naL1099511627776L\naL-9223372036854775808L\naL9223372036854775808\
        L\naL1180591620717411303424L\naL-1180591620717411303424L\naI01\naNaF2.5\naVab\np1\na(ta(I1\ntp2\
        \na(I1\nI2\ntp3\na(I1\nI2\nI3\ntp4\na(I1\nI2\nI3\nI4\ntp5\na(dp6\nVk\np7\n(lp8\nI1\naI2\nasac__b\
        uiltin__\nset\np9\n((lp10\nI7\natp11\nRp12\naccollections\nOrderedDict\np13\n(tRp14\nVo\np15\nI1\
        \nsag6\na.",
    b"]q\x00(K\x01J\xfe\xff\xff\xffM,\x01Jp\x11\x01\x00L1099511627776L\nL-9223372036854775808L\nL92233\
        72036854775808L\nL1180591620717411303424L\nL-1180591620717411303424L\nI01\nNG@\x04\x00\x00\x00\
        \x00\x00\x00X\x02\x00\x00\x00abq\x01)(K\x01tq\x02(K\x01K\x02tq\x03(K\x01K\x02K\x03tq\x04(K\x01K\
        \x02K\x03K\x04tq\x05}q\x06X\x01\x00\x00\x00kq\x07]q\x08(K\x01K\x02esc__builtin__\nset\nq\x09(]q\
        \nK\x07atq\x0bRq\x0cccollections\nOrderedDict\nq\x0d)Rq\x0eX\x01\x00\x00\x00oq\x0fK\x01sh\x06e.",
    b"\x80\x02]q\x00(K\x01J\xfe\xff\xff\xffM,\x01Jp\x11\x01\x00\x8a\x06\x00\x00\x00\x00\x00\x01\x8a\
        \x08\x00\x00\x00\x00\x00\x00\x00\x80\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00\x8a\x09\x00\x00\
        \x00\x00\x00\x00\x00\x00@\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\xc0\x88NG@\x04\x00\x00\x00\x00\
        \x00\x00X\x02\x00\x00\x00abq\x01)K\x01\x85q\x02K\x01K\x02\x86q\x03K\x01K\x02K\x03\x87q\x04(K\x01\
        K\x02K\x03K\x04tq\x05}q\x06X\x01\x00\x00\x00kq\x07]q\x08(K\x01K\x02esc__builtin__\nset\nq\x09]q\
        \nK\x07a\x85q\x0bRq\x0cccollections\nOrderedDict\nq\x0d)Rq\x0eX\x01\x00\x00\x00oq\x0fK\x01sh\x06\
        e.",
    b"\x80\x03]q\x00(K\x01J\xfe\xff\xff\xffM,\x01Jp\x11\x01\x00\x8a\x06\x00\x00\x00\x00\x00\x01\x8a\
        \x08\x00\x00\x00\x00\x00\x00\x00\x80\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00\x8a\x09\x00\x00\
        \x00\x00\x00\x00\x00\x00@\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\xc0\x88NG@\x04\x00\x00\x00\x00\
        \x00\x00X\x02\x00\x00\x00abq\x01)K\x01\x85q\x02K\x01K\x02\x86q\x03K\x01K\x02K\x03\x87q\x04(K\x01\
        K\x02K\x03K\x04tq\x05}q\x06X\x01\x00\x00\x00kq\x07]q\x08(K\x01K\x02escbuiltins\nset\nq\x09]q\nK\
        \x07a\x85q\x0bRq\x0cccollections\nOrderedDict\nq\x0d)Rq\x0eX\x01\x00\x00\x00oq\x0fK\x01sh\x06e.",
    b"\x80\x04\x95\xb4\x00\x00\x00\x00\x00\x00\x00]\x94(K\x01J\xfe\xff\xff\xffM,\x01Jp\x11\x01\x00\x8a\
        \x06\x00\x00\x00\x00\x00\x01\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80\x8a\x09\x00\x00\x00\x00\x00\
        \x00\x00\x80\x00\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00@\x8a\x09\x00\x00\x00\x00\x00\x00\x00\
        \x00\xc0\x88NG@\x04\x00\x00\x00\x00\x00\x00\x8c\x02ab\x94)K\x01\x85\x94K\x01K\x02\x86\x94K\x01K\
        \x02K\x03\x87\x94(K\x01K\x02K\x03K\x04t\x94}\x94\x8c\x01k\x94]\x94(K\x01K\x02es\x8f\x94(K\x07\
        \x90\x8c\x0bcollections\x94\x8c\x0bOrderedDict\x94\x93\x94)R\x94\x8c\x01o\x94K\x01sh\x06e.",
    b"\x80\x05\x95\xb4\x00\x00\x00\x00\x00\x00\x00]\x94(K\x01J\xfe\xff\xff\xffM,\x01Jp\x11\x01\x00\x8a\
        \x06\x00\x00\x00\x00\x00\x01\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80\x8a\x09\x00\x00\x00\x00\x00\
        \x00\x00\x80\x00\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00@\x8a\x09\x00\x00\x00\x00\x00\x00\x00\
        \x00\xc0\x88NG@\x04\x00\x00\x00\x00\x00\x00\x8c\x02ab\x94)K\x01\x85\x94K\x01K\x02\x86\x94K\x01K\
        \x02K\x03\x87\x94(K\x01K\x02K\x03K\x04t\x94}\x94\x8c\x01k\x94]\x94(K\x01K\x02es\x8f\x94(K\x07\
        \x90\x8c\x0bcollections\x94\x8c\x0bOrderedDict\x94\x93\x94)R\x94\x8c\x01o\x94K\x01sh\x06e.",
];

/// The list: numbers of every width, constants, tuples of every length, a dictionary that comes twice, a set, an
/// ordered dictionary.
const LIST: &str = "[1, -2, 300, 70000, 1099511627776, -9223372036854775808, big 8, big 9, big 9, true, none, float, \
    ab, (), (1), (1, 2), (1, 2, 3), (1, 2, 3, 4), {k: [1, 2]}, [7], {o: 1}, {k: [1, 2]}]";

fn described(heap: &Heap, value: &Value) -> String {
    let all = |items: &[Value]| items.iter().map(|item| described(heap, item)).collect::<Vec<_>>().join(", ");
    match value {
        Value::None => "none".into(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::BigInt(bytes) => format!("big {}", bytes.len()),
        Value::Float => "float".into(),
        Value::Text(text) => text.to_string(),
        Value::List(_) => format!("[{}]", all(heap.items(value).unwrap())),
        Value::Tuple(_) => format!("({})", all(heap.items(value).unwrap())),
        Value::Dict(_) => {
            let pair = |(key, value): &(Value, Value)| described(heap, key) + ": " + &described(heap, value);
            let pairs: Vec<_> = heap.pairs(value).unwrap().iter().map(pair).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn every_protocol_says_the_same() {
    for (protocol, bytes) in PICKLES.into_iter().enumerate() {
        // What follows a pickle is not its own.
        let pickle = run(&[bytes, b"after"].concat()).unwrap();
        assert_eq!(pickle.length, bytes.len(), "protocol {protocol}");
        assert_eq!(described(&pickle.heap, &pickle.root), LIST, "protocol {protocol}");
        for length in 0..bytes.len() {
            assert!(run(&bytes[..length]).is_err(), "protocol {protocol}, {length} bytes");
        }
    }
}
