package journal

// syncFolder has nothing to do: NTFS writes names to a journal of its own, and a directory cannot be
// flushed by who may not write the volume.
func syncFolder(string) error { return nil }
