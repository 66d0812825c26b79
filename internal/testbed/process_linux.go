package testbed

import "syscall"

// attributes lets a program run as somebody else, and in a process group of its own, so that a Ctrl-C in the terminal
// reaches only the one who knows in which order to stop things.
func attributes(as *account) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if as != nil {
		attr.Credential = &syscall.Credential{Uid: as.uid, Gid: as.gid}
	}
	return attr
}

// bind ties a program to the thread that starts it: it dies with it. SIGQUIT is an immediate shutdown to PostgreSQL,
// which takes its children along, and ends the others.
func bind(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGQUIT }
