package legacyhash

import "testing"

// firebaseManual is the example of Firebase's own documentation.
const firebaseManual = "$firebase-scrypt$hash=lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==" +
	"$salt=42xEC+ixf3L2lw==$sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$ss=Bw==$r=8$m=14"

func TestFirebaseText(t *testing.T) {
	project := Firebase{
		SignerKey:     "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
		SaltSeparator: "Bw==", Rounds: 8, MemCost: 14,
	}
	for name, c := range map[string]struct{ hash, salt string }{
		"as the command line exports it": {"lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==", "42xEC+ixf3L2lw=="},
		"as the Admin SDK lists it":      {"lSrfV15cpx95_sZS2W9c9Kp6i_LVgQNDNC_qzrCnh1SAyZvqmZqAjTdn3aoItz-VHjoZilo78198JAdRuid5lQ==", "42xEC-ixf3L2lw=="},
	} {
		if text, err := project.Text(c.hash, c.salt); err != nil || text != firebaseManual {
			t.Errorf("%s: %s, %v", name, text, err)
		}
	}
	for name, c := range map[string]struct{ hash, salt string }{
		"no hash": {"", "42xEC+ixf3L2lw=="}, "no salt": {"lSrfV15cpx95", ""}, "no Base64": {"?", "42xEC+ixf3L2lw=="},
	} {
		if _, err := project.Text(c.hash, c.salt); err != ErrUnknown {
			t.Errorf("%s: %v", name, err)
		}
	}
	project.MemCost = 22
	if _, err := project.Text("lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==", "42xEC+ixf3L2lw=="); err != ErrUnknown {
		t.Errorf("4 GiB: %v", err)
	}
}
