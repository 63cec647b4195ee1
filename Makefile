PY ?= .venv/bin/python

.PHONY: demo test bars bench lock

demo:
	python3 dev.py demo

test:
	python3 dev.py test

# every bar in full; writes docs/bars.json. `make bars BARS="signs"` measures some
bars:
	$(PY) -m bars $(BARS)

# claims about speed, each beside its peer in one run
bench:
	$(PY) -m benchmarks

# pin every dependency, with hashes
lock:
	$(PY) -m pip install -q uv
	$(PY) -m uv pip compile -q --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" pyproject.toml -o requirements.lock
	$(PY) -m uv pip compile -q --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --extra dev pyproject.toml -o requirements-dev.lock
