"""Keys in forked children."""


def test_a_forked_child_hashes_large_content(run_python):
    """The threads that hash in the parent do not exist in the child: it must not wait for them."""
    program = """if True:
        import os, signal, tempfile, warnings
        from beautyspot.keys import digest, file_content
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of any fork beside native threads
        content = b"spot" * 1_000_000
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            before = digest(content), file_content(file.name)
            pid = os.fork()
            if not pid:
                signal.alarm(20)  # kills a child that hangs
                os._exit(0 if (digest(content), file_content(file.name)) == before else 1)
            print(os.waitpid(pid, 0)[1])
    """
    assert run_python(program) == "0"
