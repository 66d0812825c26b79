package passkey_test

import (
	"testing"

	"github.com/cloakroom-auth/cloakroom/authtest"
)

func TestCounter(t *testing.T) {
	for _, test := range []struct {
		name    string
		counts  []uint32 // of registration and of sign-ins
		suspect []bool   // of the sign-ins
	}{
		{"grows", []uint32{0, 1, 2, 100, 1<<32 - 1}, []bool{false, false, false, false}},
		{"never counts", []uint32{0, 0, 0}, []bool{false, false}},
		{"S-93 stands still", []uint32{5, 5}, []bool{true}},
		{"S-93 goes back, told once for each step", []uint32{5, 9, 6, 7, 2}, []bool{false, true, false, true}},
		{"S-93 ceases to count, told once", []uint32{5, 0, 0}, []bool{true, false}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(t)
			n := 0
			d.device.Alter = func(c *authtest.Ceremony) { c.Count = test.counts[n] }
			d.register()
			for i, suspect := range test.suspect {
				n = i + 1
				proof, err := d.signIn(first)
				if err != nil || proof.Factors != 2 || (proof.Suspicion == "sign_count_regression") != suspect || proof.Suspicion != "" && !suspect {
					t.Errorf("%d after %d: %+v, %v", test.counts[n], test.counts[i], proof, err)
				}
			}
		})
	}
}

func TestBackup(t *testing.T) {
	d := newDesk(t)
	backedUp := false
	d.device.Alter = func(c *authtest.Ceremony) { c.BackupEligible, c.BackedUp = true, backedUp }
	d.register()
	if got := d.description(); !got.BackupEligible || got.BackedUp {
		t.Errorf("at first: %+v", got)
	}
	for _, backedUp = range []bool{true, false, true} {
		if _, err := d.signIn(first); err != nil {
			t.Fatal(err)
		}
		if got := d.description(); !got.BackupEligible || got.BackedUp != backedUp {
			t.Errorf("S-93 backed up is %v: %+v", backedUp, got)
		}
	}
	before := string(d.onFile[0].Data)
	d.device.Alter = func(c *authtest.Ceremony) { c.BackupEligible, c.BackedUp = false, false }
	proof, err := d.signIn(first)
	d.refused("S-93 it can no longer be backed up", proof, err)
	if string(d.onFile[0].Data) != before {
		t.Error("a refused answer changed what is on file")
	}
}
