// Package deploy tests what a release consists of: that two builds give the same files, that deb and rpm
// come and go without a trace on a clean root, and that the services run as docs/deploy.md says, on three
// machines (systemd-nspawn) that a real systemd boots.
package deploy
