"""Studies: folders and tables ↔ participants, visits, treatments and pictures. Nothing is measured here."""

from densitometry.study.check import check_study, problems_of
from densitometry.study.entities import Participant, Picture, Session, Study, TreatedSite, Treatment
from densitometry.study.layout import read_study
from densitometry.study.problems import Problem

__all__ = [
    "Participant",
    "Picture",
    "Problem",
    "Session",
    "Study",
    "TreatedSite",
    "Treatment",
    "check_study",
    "problems_of",
    "read_study",
]
