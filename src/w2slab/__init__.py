"""A laboratory for weak-to-strong generalization.

    import w2slab
    study = w2slab.load_study("examples/toy.yaml")
    results = w2slab.run(study)
    print(w2slab.render(results))
"""

from w2slab.errors import DataError, JobError, StoreError, StudyError, UnavailableError, W2SError

__all__ = ["DataError", "JobError", "StoreError", "StudyError", "UnavailableError", "W2SError"]
