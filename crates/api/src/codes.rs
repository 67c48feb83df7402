//! The table of operator errors: `anymq errors` prints it, every [`Problem`](crate::Problem) points into it.
//!
//! Numbers never change their meaning. 10xx start and configuration, 11xx who you are, 12xx what exists,
//! 13xx admin API and command line, 14xx stored data, 15xx limits and resources.

/// What kind of failure: decides the exit code and the HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It did not work. Exit 1, HTTP 500.
    Failed,
    /// Asked wrongly. Exit 2, HTTP 400.
    Usage,
    /// There is no such thing. Exit 3, HTTP 404.
    NotFound,
    /// Not allowed to. Exit 4, HTTP 403.
    Denied,
    /// Not known who asks. Exit 4, HTTP 401.
    Unauthenticated,
    /// It is there already, or otherwise than asked. Exit 1, HTTP 409.
    Conflict,
    /// Too much at once. Exit 1, HTTP 413.
    TooLarge,
    /// A limit is reached. Exit 1, HTTP 429.
    Exhausted,
    /// The broker is not able to serve now. Exit 5, HTTP 503.
    Unhealthy,
}

impl Class {
    /// The process' exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Class::Failed | Class::Conflict | Class::TooLarge | Class::Exhausted => 1,
            Class::Usage => 2,
            Class::NotFound => 3,
            Class::Denied | Class::Unauthenticated => 4,
            Class::Unhealthy => 5,
        }
    }

    /// The HTTP status of an answer.
    pub fn http_status(self) -> u16 {
        match self {
            Class::Failed => 500,
            Class::Usage => 400,
            Class::NotFound => 404,
            Class::Denied => 403,
            Class::Unauthenticated => 401,
            Class::Conflict => 409,
            Class::TooLarge => 413,
            Class::Exhausted => 429,
            Class::Unhealthy => 503,
        }
    }
}

/// One kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// Its number, written `AnyMQ-1204`.
    pub number: u16,
    /// What kind of failure.
    pub class: Class,
    /// In a few words.
    pub title: &'static str,
    /// Why it is refused, one sentence.
    pub why: &'static str,
    /// What to do.
    pub fix: &'static str,
}

/// Finds a code by its number.
pub fn find(number: u16) -> Option<&'static Code> {
    TABLE.iter().find(|code| code.number == number)
}

macro_rules! codes {
    ($($name:ident $number:literal $class:ident $title:literal $why:literal $fix:literal)*) => {
        $(
            #[doc = $title]
            pub const $name: Code =
                Code { number: $number, class: Class::$class, title: $title, why: $why, fix: $fix };
        )*

        /// Every code, by number.
        pub const TABLE: &[Code] = &[$($name),*];
    };
}

codes! {
    // Start and configuration.
    CONFIG_UNREADABLE 1001 Usage "the configuration file cannot be read"
        "The file named by --config must exist and be readable by the user the broker runs as."
        "check the path and its permissions"
    CONFIG_SYNTAX 1002 Usage "the configuration file is not TOML"
        "A broker started with half a configuration would do something else than you asked."
        "correct the line; anymq config check FILE shows the next mistake"
    CONFIG_UNKNOWN_KEY 1003 Usage "unknown configuration key"
        "A key that nobody reads would be a setting that silently has no effect."
        "correct or remove it; anymq config reference lists every key"
    CONFIG_BAD_VALUE 1004 Usage "a configuration value is not acceptable"
        "The value has the wrong type or is out of range."
        "correct the value; anymq config reference tells what each key takes"
    SECRET_UNREADABLE 1005 Usage "a secret file cannot be read"
        "A variable ending in _FILE names the file that holds the value."
        "check the path and its permissions, or give the value without _FILE"
    CONFIG_TWICE 1006 Usage "a setting is given twice in one place"
        "A variable and the same variable with _FILE contradict each other."
        "keep one of the two"
    PORT_TAKEN 1010 Failed "a port is taken"
        "Two processes cannot listen on one port of an address."
        "stop the other process or choose another port; anymq dev chooses one by itself"
    ADDRESS_UNAVAILABLE 1011 Failed "an address cannot be listened on"
        "The address must be one of this machine's."
        "use one of the addresses that `ip address` shows, or 0.0.0.0 for all of them"
    PORT_DENIED 1012 Failed "no permission for a port"
        "Ports below 1024 need a privilege."
        "choose a port above 1023, or give the binary CAP_NET_BIND_SERVICE"
    TLS_UNUSABLE 1013 Failed "a certificate or key is not usable"
        "TLS needs a PEM certificate chain and the private key that belongs to its first certificate."
        "check both files; openssl x509 -in CERT -noout -text shows what is in them"
    READY_FILE 1014 Failed "the ready file cannot be written"
        "Whoever waits for it would wait for ever."
        "check the directory of --ready-file and its permissions"
    RUNTIME_START 1015 Failed "threads could not be started"
        "The system refused to give the process threads."
        "raise the limits on processes and memory"
    // Who you are.
    LOGIN_REFUSED 1101 Unauthenticated "login refused"
        "User name and password do not fit."
        "check --user and --password-file, or ANYMQ_USER and ANYMQ_PASSWORD"
    LOGIN_MISSING 1102 Unauthenticated "no credentials"
        "The admin API answers only those it knows."
        "send HTTP basic authentication, or give --user and --password-file"
    LOOPBACK_ONLY 1103 Unauthenticated "this user may only connect from this machine"
        "The default user has a password everybody knows."
        "create a user of your own: anymq user create NAME --tags administrator"
    TAG_MISSING 1104 Denied "the user lacks a tag"
        "Each part of the admin API asks for a tag of the user."
        "anymq user tags NAME administrator, run by an administrator"
    FORBIDDEN 1105 Denied "not permitted"
        "The user's permissions in that vhost do not cover it."
        "anymq permission set USER --vhost VHOST --configure RE --write RE --read RE"
    TOO_MANY_LOGINS 1106 Exhausted "too many logins at once"
        "Checking a password is slow on purpose, so only a few are checked at a time."
        "try again"
    // What exists.
    NOT_FOUND 1201 NotFound "no such thing"
        "Nothing of that name exists in that vhost."
        "look at what exists: anymq queue ls, anymq exchange ls, anymq vhost ls"
    VHOST_NOT_FOUND 1202 NotFound "no such vhost"
        "Queues and exchanges live in a vhost, and this one does not exist."
        "anymq vhost create NAME"
    NAME_INVALID 1203 Usage "a name is not acceptable"
        "Names are UTF-8 text of at most 255 bytes; those that begin with amq. are the broker's own."
        "choose another name"
    QUEUE_DIFFERS 1204 Conflict "it exists with other properties"
        "The arguments of a queue cannot change in place."
        "use the existing arguments, set what may change by a policy, or delete the queue and declare it again"
    IN_USE 1205 Conflict "still in use"
        "You asked to delete it only if it is unused."
        "stop its consumers or remove its bindings, or delete it without --if-unused"
    NOT_EMPTY 1206 Conflict "not empty"
        "You asked to delete it only if it is empty."
        "anymq queue purge NAME, or delete it without --if-empty"
    LOCKED 1207 Conflict "owned by one connection"
        "An exclusive queue belongs to the connection that declared it."
        "close that connection: anymq connection close ID"
    BUILT_IN 1208 Denied "part of the broker"
        "The default exchanges and the default vhost's own parts cannot be changed or removed."
        "leave it, and create one of your own"
    ARGUMENT_INVALID 1209 Usage "an argument is not acceptable"
        "The argument is unknown for this type, of the wrong type or out of range."
        "correct the argument"
    ALREADY_EXISTS 1210 Conflict "it exists already"
        "A name can be given once."
        "choose another name, or use the existing one"
    NOT_OFFERED 1211 Usage "not offered"
        "An operation that is not supported is refused instead of ignored."
        "see docs/protocols/amqp.md for what is supported"
    DEFINITIONS_INVALID 1212 Usage "the definitions are not acceptable"
        "Nothing was changed: definitions are taken as a whole or not at all."
        "correct the named entry and import again"
    GROUP_IN_USE 1213 Conflict "the group has members"
        "Members commit offsets of their own and would undo it, or work with what is not theirs any more."
        "stop its consumers first; anymq group describe NAME lists them"
    TRANSACTION_CLOSED 1214 Conflict "no transaction is open"
        "Only a transaction that is open can be aborted."
        "anymq txn ls shows which are"
    // Admin API and command line.
    UNREACHABLE 1301 Unhealthy "the admin API cannot be reached"
        "The command line talks to a running broker over its admin port."
        "start one with anymq dev, or give --url or ANYMQ_URL"
    BODY_INVALID 1302 Usage "the request is not understood"
        "The body must be the JSON that this path takes."
        "compare with what anymq NOUN info -o json prints"
    BODY_TOO_LARGE 1303 TooLarge "the request is too large"
        "The admin API bounds every request."
        "send less, or raise admin.body_max"
    TIMED_OUT 1304 Unhealthy "no answer in time"
        "The broker did not answer within the deadline."
        "look at anymq health and at the broker's log; --timeout waits longer"
    ANSWER_STRANGE 1305 Failed "the answer is not understood"
        "Something else than an AnyMQ admin API of a fitting version answered."
        "check --url: the admin port is 15672 unless configured otherwise"
    NOT_CONFIRMED 1306 Failed "not confirmed"
        "Commands that delete ask first, and nobody said yes."
        "answer yes, or give --yes; --dry-run shows what would happen"
    STARTING 1307 Unhealthy "the broker is starting"
        "It reads its journal before it serves."
        "wait; /health/ready tells when"
    NO_SUCH_PATH 1308 NotFound "no such path"
        "The admin API has nothing at this path."
        "paths begin with /api/v1/; see docs/operating"
    METHOD_WRONG 1309 Usage "the path does not take this method"
        "Each path takes only the methods it names in Allow."
        "use one of those"
    URL_INVALID 1310 Usage "the URL is not understood"
        "The admin API is reached over http:// or https:// with a host and, if it is not the usual one, a port."
        "write it as http://127.0.0.1:15672"
    INPUT_UNREADABLE 1311 Usage "an input file cannot be read"
        "The command needs its contents."
        "check the path and its permissions; - reads standard input"
    BUSY 1312 Exhausted "too many admin requests at once"
        "The admin API does only a few things at a time, so that it never takes the machine from the clients."
        "try again"
    NO_SUCH_CODE 1313 NotFound "no such error code"
        "The number is not in the table."
        "anymq errors lists them all"
    BENCH_FAILED 1314 Failed "the measurement did not come to an end"
        "The server could not be reached, refused something, or the description is contradictory."
        "check the URL and the options; anymq bench amqp --help explains them"
    // Stored data.
    DATA_DIR_UNUSABLE 1401 Failed "the data directory cannot be used"
        "The broker needs a directory it can create, read and write."
        "check the path, its owner and the file system"
    DATA_DIR_LOCKED 1402 Failed "another process has the data directory open"
        "Two brokers on one journal would destroy it."
        "stop the other process, or give this one another --data-dir"
    DATA_TOO_NEW 1403 Failed "the data is of a newer version"
        "This build does not know that format and will not guess."
        "start the newer version again"
    DATA_CORRUPT 1404 Failed "stored data is damaged"
        "The broker does not start by dropping data that it once acknowledged."
        "copy the directory, then run anymq check DIR and anymq repair DIR"
    DATA_FOUND_BAD 1405 Unhealthy "the check found damage"
        "Some bytes do not verify against their checksums."
        "copy the directory, then run anymq repair DIR"
    DATA_FAILED 1406 Unhealthy "storage failed"
        "After a failed write to disk nothing more can be promised."
        "look at the disk and the kernel log, then start the broker again: it recovers"
    // Limits and resources.
    LIMIT_REACHED 1501 Exhausted "a limit is reached"
        "Everything a client can grow has a limit."
        "remove what is not needed, or raise the limit"
    MEMORY_ALARM 1502 Unhealthy "low on memory"
        "Publishers are held back until memory is below the mark again; consumers go on."
        "consume or purge the longest queues (anymq queue ls --sort messages), or raise broker.memory_limit"
    DISK_ALARM 1503 Unhealthy "low on disk"
        "Publishers are held back until there is room again; consumers go on."
        "free disk space, or consume and purge the largest queues"
    TOO_BIG 1504 TooLarge "too large"
        "It is larger than the limit."
        "send it in smaller parts, or raise the limit"
    INTERNAL 1599 Failed "an error inside the broker"
        "This should not happen."
        "look at the broker's log and report it"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_complete_and_in_order() {
        assert!(TABLE.is_sorted_by(|a, b| a.number < b.number), "numbers ascend and none is given twice");
        assert!(TABLE.len() >= 50, "{}", TABLE.len());
        for code in TABLE {
            assert!((1001..1600).contains(&code.number), "{code:?}");
            assert!(code.why.ends_with('.') && code.why.starts_with(char::is_uppercase), "{code:?}");
            assert!(!code.fix.ends_with('.') && !code.fix.is_empty(), "{code:?}");
            assert!(!code.title.ends_with('.'), "{code:?}");
            assert_eq!(find(code.number), Some(code));
        }
        assert_eq!(find(1), None);
    }

    #[test]
    fn classes_map_to_exit_codes_and_statuses() {
        let cases = [
            (Class::Failed, 1, 500),
            (Class::Usage, 2, 400),
            (Class::NotFound, 3, 404),
            (Class::Denied, 4, 403),
            (Class::Unauthenticated, 4, 401),
            (Class::Unhealthy, 5, 503),
        ];
        for (class, exit, status) in cases {
            assert_eq!((class.exit_code(), class.http_status()), (exit, status), "{class:?}");
        }
    }
}
