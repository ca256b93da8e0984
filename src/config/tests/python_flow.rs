//! What names, functions, loops and branches of a script come to, without running it.

use super::{Case, python, to_yaml};

/// A script with one resource `r`, whose parameters are given by an expression.
fn with_params(before: &str, params: &str) -> Case {
    python(&format!(
        "import os\nimport dlt\n{before}\nrest_api_source({{'client': {{'base_url': 'https://a.b', 'paginator': \
         'single_page'}}, 'resources': [{{'name': 'r', 'endpoint': {{'params': {params}}}}}]}})\n"
    ))
}

fn params(case: &Case) -> String {
    let params: Vec<String> =
        case.resource().endpoint.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    params.join("&")
}

#[test]
fn what_a_reader_would_work_out_is_read() {
    let table = [
        // Bound several times, and changed in place before it is used.
        ("P = {'a': 1}\nP = {'b': 2}", "P", "b=2"),
        ("P = {'a': 1}\nP['b'] = 2\nP.update({'c': 3}, d=4)", "P", "a=1&b=2&c=3&d=4"),
        ("P = {'n': {'a': 1}}\nP['n']['b'] = 2", "P['n']", "a=1&b=2"),
        ("L = ['x']\nL.append('y')\nL += ['z']\nL.extend(['w'])", "{'a': ','.join(L)}", "a=x,y,z,w"),
        // Loops and branches.
        ("P = {}\nfor k, v in [('a', 1), ('b', 2)]:\n    n = f'x{v}'\n    P[k] = n", "P", "a=x1&b=x2"),
        ("P = {}\nfor i in range(3):\n    if i != 1:\n        P[f'k{i}'] = i", "P", "k0=0&k2=2"),
        ("MODE = 'all'\nif MODE == 'all':\n    P = {'a': 1}\nelse:\n    P = {'a': 2}", "P", "a=1"),
        ("P = {'a': 1}\nif not P:\n    raise ValueError('no')", "P", "a=1"),
        // Comprehensions, and what is put together.
        ("", "{k: v for k, v in {'a': 1, 'b': None}.items() if v is not None}", "a=1"),
        ("K = ['a', 'b']", "{'f': '|'.join([f'{k}!' for k in K if k not in ('b',)])}", "f=a!"),
        ("D = {'a': 1, 'b': 1}", "{**D, 'b': 2, **{'c': 3}}", "a=1&b=2&c=3"),
        ("D = {'a': 1}", "D | dict(b=2)", "a=1&b=2"),
        ("N = 3", "{'a': N * 2 - 1, 'b': f'{N:03d}', 'c': '{}-{x}'.format(N, x='y')}", "a=5&b=003&c=3-y"),
        ("C = {'u': ['https://x/', 'y']}", "{'a': C['u'][0].rstrip('/'), 'b': C['u'][-1].upper()}", "a=https://x&b=Y"),
        ("", "{'a': 'x' if 1 > 0 else 'y', 'b': None or 'z'}", "a=x&b=z"),
        // Functions of the script.
        ("def f(d=None):\n    d = d or {'a': 1}\n    d['b'] = 2\n    return d", "f()", "a=1&b=2"),
        ("def f(d):\n    d['b'] = 2\n    return d", "f({'a': 1})", "a=1&b=2"),
        ("L = []\nfor d in [{'a': 1}]:\n    d['b'] = 2\n    L.append(d)", "L[0]", "a=1&b=2"),
        ("def f(n, m=2):\n    '''Doubles.'''\n    d = {'a': n}\n    d['b'] = m\n    return d", "f(1)", "a=1&b=2"),
        ("def f(x):\n    if x == 'p':\n        return {'a': 1}\n    return {'a': 2}", "f('q')", "a=2"),
    ];
    for (before, written, expected) in table {
        assert_eq!(params(&with_params(before, written)), expected, "{before}\n{written}");
    }
}

#[test]
fn what_cannot_be_worked_out_is_refused_where_it_stands() {
    let table = [
        // Whoever used the value sees the change as well.
        (
            "P = {}\nQ = P\nQ['a'] = 1",
            "P",
            "config.py:6:136: `P` is changed after it is bound, at config.py:5:1; only static values can be read",
        ),
        (
            "P = {}\nfor d in [P]:\n    d['a'] = 1",
            "P",
            "config.py:6:136: `P` is changed after it is bound, at config.py:5:5; only static values can be read",
        ),
        (
            "P = {}\ndef f(d):\n    d['a'] = 1\nf(P)",
            "P",
            "config.py:7:136: `P` is changed after it is bound, at config.py:5:5; only static values can be read",
        ),
        (
            "P = {'a': 1}\nwhile P:\n    P = {}",
            "P",
            "config.py:6:136: `P` is changed after it is bound, at config.py:4:1; only static values can be read",
        ),
        (
            "import sys\nP = {}\nfor a in sys.argv:\n    P[a] = 1",
            "P",
            "config.py:5:10: an attribute cannot be read; only static values can",
        ),
        ("def f(*a):\n    return {}", "f(1)", "config.py:5:136: a call of `f` cannot be read; only static values can"),
        (
            "def f():\n    return f()",
            "f()",
            "config.py:4:12: the config is nested too deeply, is too large or refers to itself",
        ),
        (
            "",
            "{'a': f\"{['x']}\"}",
            "config.py:4:144: a list in an f-string cannot be read; only texts and numbers can",
        ),
        ("", "{**'x'}", "config.py:4:139: `**` can be read before a dictionary only, not before a string"),
    ];
    for (before, written, expected) in table {
        assert_eq!(with_params(before, written).problems(), [expected], "{before}\n{written}");
    }
    let later = "P = {}\nS = lambda: 1\nrest_api_source({'client': {'base_url': 'https://a.b'}, 'resources': [{'name': 'r', \
                 'endpoint': {'params': P}}]})\nP['a'] = 1";
    assert_eq!(
        python(later).problems(),
        ["config.py:3:108: `P` is changed after it is bound, at config.py:4:1; only static values can be read"]
    );
}

/// A source with an optional token, such as `dlt init` writes.
const OPTIONAL: &str = "
import dlt
from typing import Optional
@dlt.source(name='shop')
def shop_source(token: Optional[str] = dlt.secrets.value, size: int = 10, since: str = None):
    config: RESTAPIConfig = {
        'client': {
            'base_url': 'https://a.b',
            'auth': {'type': 'bearer', 'token': token} if token else None,
            'paginator': 'single_page',
        },
        'resources': [{'name': 'r', 'endpoint': {'params': {'size': size, 'since': since}}}],
    }
    yield from rest_api_resources(config)
";

#[test]
fn a_choice_by_a_secret_is_made_when_it_is_looked_up() {
    let without = python(OPTIONAL).resource().endpoint;
    assert!(without.auth.is_none());
    assert_eq!(without.params, [("size".to_owned(), "10".to_owned())]);
    for name in ["TOKEN", "SOURCES__CONFIG__SHOP__TOKEN", "SOURCES__CONFIG__TOKEN", "SOURCES__SHOP__TOKEN"] {
        let with = python(OPTIONAL).env(&[(name, "canary"), ("SOURCES__SHOP__SIZE", "5")]).resource().endpoint;
        assert!(with.auth.is_some(), "{name}");
        assert_eq!(with.params, [("size".to_owned(), "5".to_owned())]);
    }
    let yaml = to_yaml(&python(OPTIONAL).source, None).expect("YAML");
    assert!(yaml.contains("token: \"${secret:token}\"") && yaml.contains("size: 10"), "{yaml}");
}

#[test]
fn what_is_worked_out_with_a_setting_holds_for_its_default() {
    let text = "import os, pendulum, dlt\nBASE = os.getenv('BASE', 'https://a.b/')\n@dlt.source\ndef s(days=7, mode=None):\n    \
                day = pendulum.datetime(2024, 1, 8).subtract(days=days).to_date_string()\n    return rest_api_source({'client': {'base_url': \
                BASE.rstrip('/') + '/v1', 'paginator': 'single_page'}, 'resources': [{'name': 'r', 'endpoint': {'params': \
                {'day': day, 'n': int(os.getenv('N', '5')), 'm': 'all' if mode != 'one' else '1', 's': '%s-%d' % (mode or 'x', 3)}}}]})";
    let case = python(text);
    assert_eq!(case.resource().endpoint.url.as_str(), "https://a.b/v1/r");
    assert_eq!(params(&case), "day=2024-01-01&n=5&m=all&s=x-3");
    assert_eq!(params(&python(text).env(&[("N", "6"), ("SOURCES__S__MODE", "one")])), "day=2024-01-01&n=6&m=1&s=one-3");
    assert_eq!(
        python(text).env(&[("BASE", "https://c.d")]).problems(),
        ["config.py:2:8: `BASE` is set, and the script works something out with it; only its default can be read \
          (write the value into the script, or leave it unset and use `--set`)"]
    );
}

#[test]
fn parameters_are_what_the_script_hands_over() {
    let script = |call: &str| {
        python(&format!(
            "def source(path, size=10):\n    return rest_api_source({{'client': {{'base_url': 'https://a.b', 'paginator': \
             'single_page'}}, 'resources': [{{'name': 'r', 'endpoint': {{'path': path, 'params': {{'n': size}}}}}}]}})\n{call}"
        ))
    };
    let endpoint = script("PATH = 'x'\nsource(PATH, size=5)").resource().endpoint;
    assert_eq!((endpoint.url.as_str(), params(&script("source('x', 5)")).as_str()), ("https://a.b/x", "n=5"));
    assert_eq!(params(&script("source('x')")), "n=10");
    assert_eq!(
        script("source('x')\nsource('y')").problems(),
        ["config.py:2:145: `path` is a parameter that gets several values; only static values can be read"]
    );
    assert_eq!(
        script("").problems(),
        [
            "config.py:2:145: `path` is a parameter; only static values can be read (give it a default, or hand it over in the script)"
        ]
    );
}
