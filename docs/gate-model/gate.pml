/*
 * The gate's protocol, with an attacker who is the network and the host of the enclave.
 *
 * He gets nonces, has the good enclave started and gives it any nonce, has other code quoted
 * with any report data, sends the gate anything that he can put together, changes the policy's
 * version by waiting for its owner, and learns a signing key once it is withdrawn. Cryptography is
 * perfect: what is signed is as the signer made it, and what is sealed opens with its key alone.
 *
 * Whoever leaves out one check of the gate (-D and its name below) must see an assertion fail.
 */

/* Nonce 0 was never given out by the gate; the others are, one after the other. */
#define NONCES 3

/* Key 0 is the attacker's; each other is of one start of the good enclave. */
#define KEYS 3

/* Versions of the policy that accepts the good enclave. */
#define VERSIONS 2

/* How often the secret may be released. */
#define LIMIT 2

#define NOTHING 255

/* Signing keys of the gate: the first is withdrawn at some time, the second follows. */
#define FIRST 0
#define SECOND 1

/* The gate's memory. */
byte given = 1;
bool used[NONCES];
byte version = 0;
byte signer = FIRST;
bool withdrawn = false;
byte releases = 0;

/* What was ever sent, all of which the attacker has. */
byte bound[KEYS] = NOTHING;     /* the nonce in the quote of each start of the good enclave */
bool token[12];                 /* TOKEN(signer, version, key) */
bool sealed[KEYS];              /* the secret, sealed to a key */
bool stolen = false;            /* the first signing key, after it was withdrawn */

/* What must hold is said of these. */
byte accepted[KEYS];            /* how many results there are for each key */
bool received[KEYS];            /* which starts of the enclave got the secret */

#define TOKEN(s, v, k) ((s) * VERSIONS * KEYS + (v) * KEYS + (k))

/* Each is a check of the gate. */
#ifdef NO_FRESHNESS
#define FRESH(n) true
#else
#define FRESH(n) (n != 0 && n < given && !used[n])
#endif
#ifdef NO_CODE
#define CODE(good) true
#else
#define CODE(good) good
#endif
#ifdef NO_NONCE
#define BINDS_NONCE(a, b) true
#else
#define BINDS_NONCE(a, b) (a == b)
#endif
#ifdef NO_KEY
#define BINDS_KEY(a, b) true
#else
#define BINDS_KEY(a, b) (a == b)
#endif
#ifdef NO_VERSION
#define IN_FORCE(v) true
#else
#define IN_FORCE(v) (v == version)
#endif
#ifdef NO_WITHDRAWAL
#define BELIEVED(s) true
#else
#define BELIEVED(s) (s == SECOND || !withdrawn)
#endif
#ifdef NO_LIMIT
#define WITHIN_LIMIT true
#else
#define WITHIN_LIMIT (releases < LIMIT)
#endif

/* POST /attest: evidence of good or other code, bound to (in_nonce, in_key), for (nonce, key). */
inline attest(good, in_nonce, in_key, nonce, key) {
    if
    :: FRESH(nonce) ->
        used[nonce] = true;
        if
        :: CODE(good) && BINDS_NONCE(in_nonce, nonce) && BINDS_KEY(in_key, key) ->
            /* Agreement: this very start of the good enclave asked, with this nonce. */
            assert(key != 0 && bound[key] == nonce);
            /* Injective: and no other result rests on it. */
            assert(accepted[key] == 0);
            accepted[key]++;
            token[TOKEN(signer, version, key)] = true
        :: else
        fi
    :: else
    fi
}

/* POST /release, to the key of a token that this signer made under this version. */
inline release(by, under, key) {
    if
    :: BELIEVED(by) && IN_FORCE(under) && WITHIN_LIMIT ->
        assert(under == version);
        releases++;
        assert(releases <= LIMIT);
        sealed[key] = true;
        /* Secrecy: the attacker opens what is sealed to his key. */
        assert(key != 0)
    :: else
    fi
}

active proctype world() {
    byte a, b, c, d;
    do
    /* POST /challenge. */
    :: d_step { given < NONCES -> given++ }
    /* The good enclave is started, makes its key, and is given a nonce by its host. */
    :: atomic {
        select(a : 1 .. (KEYS - 1)); select(b : 0 .. (NONCES - 1));
        if :: bound[a] == NOTHING -> bound[a] = b :: else fi;
        a = 0; b = 0
    }
    /* Somebody shows the good enclave's evidence, */
    :: atomic {
        select(a : 1 .. (KEYS - 1));
        select(c : 0 .. (NONCES - 1)); select(d : 0 .. (KEYS - 1));
        if :: bound[a] != NOTHING -> attest(true, bound[a], a, c, d) :: else fi;
        a = 0; c = 0; d = 0
    }
    /* or that of code of his own, which carries what he likes. */
    :: atomic {
        select(a : 0 .. (NONCES - 1)); select(b : 0 .. (KEYS - 1));
        select(c : 0 .. (NONCES - 1)); select(d : 0 .. (KEYS - 1));
        attest(false, a, b, c, d);
        a = 0; b = 0; c = 0; d = 0
    }
    /* Somebody shows a token that he was given, or forged with the stolen key. */
    :: atomic {
        select(a : FIRST .. SECOND); select(b : 0 .. (VERSIONS - 1)); select(c : 0 .. (KEYS - 1));
        if
        :: token[TOKEN(a, b, c)] || (stolen && a == FIRST) -> release(a, b, c)
        :: else
        fi;
        a = 0; b = 0; c = 0
    }
    /* The enclave opens what is sealed to its key. */
    :: atomic {
        select(a : 1 .. (KEYS - 1));
        if :: sealed[a] -> received[a] = true :: else fi;
        a = 0
    }
    /* The owner puts the policy anew; the operator withdraws the key, and it is stolen later. */
    :: d_step { version < VERSIONS - 1 -> version++ }
    :: d_step { !withdrawn -> withdrawn = true; signer = SECOND }
    :: d_step { withdrawn && !stolen -> stolen = true }
    od
}

/* Whoever reads that everything holds must also see that the good way can be gone to its end. */
#ifdef GOOD_WAY
never {
    do
    :: received[1] && received[2] && accepted[1] == 1 && accepted[2] == 1 -> break
    :: else
    od
}
#endif
