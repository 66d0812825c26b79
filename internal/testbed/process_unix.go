//go:build unix && !linux

package testbed

import "syscall"

// attributes lets a program run as somebody else.
func attributes(as *account) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{}
	if as != nil {
		attr.Credential = &syscall.Credential{Uid: as.uid, Gid: as.gid}
	}
	return attr
}

func bind(*syscall.SysProcAttr) {}
